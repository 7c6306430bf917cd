// Package hls plays streams as Low-Latency HLS (RFC 8216, draft-pantos-hls-rfc8216bis): index.m3u8, init segments,
// segments of a group of pictures and parts of a fraction of a second.
//
// The first request of a camera starts a film that follows the camera, its silence for Config.Linger ends it. A film
// keeps the fragments that all viewers of the stream share, and no copy of them: a segment begins at a keyframe, a part
// is closed when the frame that would make it too long arrives. A client that asks for a part which is still to come
// waits for it.
package hls

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"gridwall/streams"
)

// ErrNoFile: the film has no such file, or no longer.
var ErrNoFile = errors.New("hls: no such file")

// Config of a Server. Hub is required.
type Config struct {
	Hub *streams.Hub
	// Linger is how long a film outlives the last request for it. Default 20 s: players ask every segment.
	Linger time.Duration
	// Log gets what an operator may have to act on. Default: nothing is logged.
	Log *slog.Logger
}

// Server answers requests. New is the only way to make one; Run must run.
type Server struct {
	config Config
	ctx    context.Context
	end    context.CancelFunc

	mu     sync.Mutex
	closed bool
	films  map[string]*movie
	work   sync.WaitGroup
}

// New makes a server without films.
func New(c Config) *Server {
	c.Linger = cmp.Or(c.Linger, 20*time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	s := &Server{config: c, films: map[string]*movie{}}
	s.ctx, s.end = context.WithCancel(context.Background()) // until Run ends
	return s
}

// Run serves until ctx ends, and waits for the films to end. It returns nil.
func (s *Server) Run(ctx context.Context) error {
	<-ctx.Done()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end()
	s.work.Wait()
	return nil
}

// wait is how long a request may wait for what is to come.
const wait = 10 * time.Second

// Serve answers the request for one file of camera. Rights are the caller's.
//
// Errors, with nothing written to w: streams.ErrUnknownCamera, *streams.UnavailableError with the reason in words,
// ErrNoFile.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request, camera, file string) error {
	f, err := s.film(camera)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	if file == "index.m3u8" {
		return s.playlist(ctx, w, r, f)
	}
	body, err := f.file(ctx, file)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "video/mp4")
	w.Header().Set("Cache-Control", "private, max-age=60")
	size := 0
	for _, b := range body {
		size += len(b)
	}
	w.Header().Set("Content-Length", strconv.Itoa(size))
	for _, b := range body {
		if _, err := w.Write(b); err != nil {
			return nil // the player has left
		}
	}
	return nil
}

func (s *Server) playlist(ctx context.Context, w http.ResponseWriter, r *http.Request, f *movie) error {
	at := position{segment: -1}
	query := r.URL.Query()
	if text := query.Get("_HLS_msn"); text != "" {
		msn, err := strconv.Atoi(text)
		if err != nil || msn < 0 {
			return fmt.Errorf("_HLS_msn=%s: %w", strconv.Quote(text), ErrNoFile)
		}
		at = position{segment: msn, part: -1}
		if text := query.Get("_HLS_part"); text != "" {
			if at.part, err = strconv.Atoi(text); err != nil || at.part < 0 {
				return fmt.Errorf("_HLS_part=%s: %w", strconv.Quote(text), ErrNoFile)
			}
		}
	}
	text, err := f.playlist(ctx, at)
	if err != nil {
		return s.why(err, f.camera)
	}
	w.Header().Set("Content-Type", "application/vnd.apple.mpegurl")
	w.Header().Set("Cache-Control", "no-cache")
	if token := query.Get("token"); token != "" {
		text = carry(text, token)
	}
	_, _ = io.WriteString(w, text)
	return nil
}

// carry puts the token that a playlist was asked with into the addresses of its files: players do not.
func carry(text, token string) string {
	with := "?token=" + url.QueryEscape(token)
	return strings.NewReplacer(".m4s\n", ".m4s"+with+"\n", ".m4s\"", ".m4s"+with+"\"", ".mp4\"", ".mp4"+with+"\"").Replace(text)
}

// why turns a wait in vain into the camera's own reason.
func (s *Server) why(err error, camera string) error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	status, serr := s.config.Hub.Status(camera)
	if serr != nil {
		return serr
	}
	if status.Reason == (streams.Text{}) {
		status.Reason = streams.Text{Zh: "摄像机在规定时间内没有送来画面", En: "the camera sent no picture in time"}
	}
	return &streams.UnavailableError{Camera: camera, Status: status}
}

// film finds or starts the film of a camera.
func (s *Server) film(camera string) (*movie, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.films[camera]; f != nil {
		f.touch()
		return f, nil
	}
	if s.closed {
		return nil, streams.ErrReaderClosed
	}
	reader, err := s.config.Hub.Open(camera)
	if err != nil {
		return nil, err
	}
	reader.Listen(true)
	f := newMovie(camera)
	s.films[camera] = f
	s.work.Go(func() {
		err := f.run(s.ctx, reader, s.config.Linger)
		reader.Close()
		s.mu.Lock()
		delete(s.films, camera)
		s.mu.Unlock()
		f.over()
		s.config.Log.Debug("hls film ended", "camera", camera, "reason", err)
	})
	return f, nil
}

// name takes a file's name apart: init-3.mp4, seg-12.m4s, seg-12.4.m4s; part is -1 for a whole segment.
func name(file string) (kind string, n, part int, err error) {
	kind, rest, _ := strings.Cut(file, "-")
	ext := map[string]string{"init": ".mp4", "seg": ".m4s"}[kind]
	rest, ok := strings.CutSuffix(rest, ext)
	if ext == "" || !ok {
		return "", 0, 0, ErrNoFile
	}
	number, sub, isPart := strings.Cut(rest, ".")
	part = -1
	if isPart {
		if part, err = strconv.Atoi(sub); err != nil || part < 0 || kind != "seg" {
			return "", 0, 0, ErrNoFile
		}
	}
	if n, err = strconv.Atoi(number); err != nil || n < 0 {
		return "", 0, 0, ErrNoFile
	}
	return kind, n, part, nil
}
