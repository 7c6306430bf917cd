// Package still takes single pictures: the newest keyframe of a camera, as JPEG where ffmpeg is installed, else as a film
// of one picture, which browsers show in a video element.
package still

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"time"

	"gridwall/streams"
	"gridwall/streams/mse"
)

// Picture of a camera. It is shared: nobody changes it.
type Picture struct {
	Data []byte
	Type string // image/jpeg or video/mp4
	At   time.Time
}

const (
	fresh      = time.Second     // a picture is given again for so long
	decodeWait = 5 * time.Second // one picture may take ffmpeg so long
	decoders   = 2               // run at a time; others wait
	mostBytes  = 16 << 20        // of one JPEG
)

// Taker takes pictures of a hub's cameras, one at a time of each.
type Taker struct {
	hub    *streams.Hub
	ffmpeg string // path; empty: not installed
	room   chan struct{}

	mu    sync.Mutex
	taken map[string]*entry
}

// entry is one camera's last picture. Who holds turn takes the next.
type entry struct {
	turn    chan struct{}
	users   int // of the Taker
	picture Picture
}

// New looks for ffmpeg.
func New(hub *streams.Hub) *Taker {
	path, _ := exec.LookPath("ffmpeg")
	return &Taker{hub: hub, ffmpeg: path, room: make(chan struct{}, decoders), taken: map[string]*entry{}}
}

// Take returns a picture of the camera that is at most a second old, and starts the camera's pull if nobody watches.
//
// Errors: streams.ErrUnknownCamera, *streams.UnavailableError with the reason in words, ctx's cause. Rights are the
// caller's.
func (t *Taker) Take(ctx context.Context, camera string) (Picture, error) {
	e := t.enter(camera)
	defer t.leave(camera, e)
	select {
	case e.turn <- struct{}{}:
	case <-ctx.Done():
		return Picture{}, context.Cause(ctx)
	}
	defer func() { <-e.turn }()
	if time.Since(e.picture.At) < fresh {
		return e.picture, nil
	}
	p, err := t.take(ctx, camera)
	if err == nil {
		e.picture = p
	}
	return p, err
}

// enter finds or makes the camera's entry and throws old pictures away.
func (t *Taker) enter(camera string) *entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.taken[camera]
	if e == nil {
		e = &entry{turn: make(chan struct{}, 1)}
		t.taken[camera] = e
	}
	e.users++
	for id, old := range t.taken {
		if old.users == 0 && time.Since(old.picture.At) > fresh {
			delete(t.taken, id)
		}
	}
	return e
}

func (t *Taker) leave(camera string, e *entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.users--; e.users == 0 && e.picture.At.IsZero() {
		delete(t.taken, camera)
	}
}

func (t *Taker) take(ctx context.Context, camera string) (Picture, error) {
	reader, err := t.hub.Open(camera)
	if err != nil {
		return Picture{}, err
	}
	defer reader.Close()
	p, err := t.hub.First(ctx, reader, camera)
	if err != nil {
		return Picture{}, err
	}
	_, film, err := mse.CodecsOf(p, false).Init()
	if err != nil {
		return Picture{}, fmt.Errorf("picture of camera %s: %w", camera, err)
	}
	film = append(film, p.Fragment(mse.Fragment)...)
	if t.ffmpeg == "" {
		return Picture{film, "video/mp4", time.Now()}, nil
	}
	data, err := t.jpeg(ctx, film)
	if err != nil {
		return Picture{}, fmt.Errorf("picture of camera %s: %w", camera, err)
	}
	return Picture{data, "image/jpeg", time.Now()}, nil
}

// jpeg has ffmpeg decode the one picture of a film.
func (t *Taker) jpeg(ctx context.Context, film []byte) ([]byte, error) {
	select {
	case t.room <- struct{}{}:
		defer func() { <-t.room }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, decodeWait, errors.New("ffmpeg takes too long"))
	defer cancel()
	cmd := exec.CommandContext(ctx, t.ffmpeg, "-v", "error", "-nostdin", "-threads", "1", "-f", "mp4", "-i", "pipe:0",
		"-frames:v", "1", "-f", "image2pipe", "-c:v", "mjpeg", "-q:v", "4", "-threads", "1", "pipe:1")
	cmd.Stdin = bytes.NewReader(film)
	cmd.Env = []string{} // it needs none of ours
	var out, trouble bounded
	cmd.Stdout, cmd.Stderr = &out, &trouble
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, fmt.Errorf("ffmpeg: %w: %.200q", err, trouble.Bytes())
	}
	if out.Len() == 0 {
		return nil, fmt.Errorf("ffmpeg: no picture: %.200q", trouble.Bytes())
	}
	return out.Bytes(), nil
}

// bounded refuses more than mostBytes.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > mostBytes {
		return 0, errors.New("picture too large")
	}
	return b.Buffer.Write(p)
}
