// Package whep plays a stream over WebRTC (draft-ietf-wish-whep): the browser posts an offer, gets the
// answer, and pictures come over UDP.
//
// All sessions share one UDP socket and host candidates of it; there is no STUN, no TURN, no trickle: the
// answer is complete. A session is one peer connection with one track of H.264, or of H.265 where the browser offers it. When it is connected it gets
// the cached group of pictures in one burst, with time stamps a millisecond apart so that the browser shows
// the newest at once and builds no delay, and from then on each frame as it comes, on the stream's own time
// line: a camera's reconnect is no break for the browser. A browser that lost its way (PLI) gets the cached
// group again. A session ends by DELETE, by silence, or with the server.
package whep

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"

	"gridwall/streams"
)

var (
	// ErrNoSession: no such session of that camera, or it has ended.
	ErrNoSession = errors.New("whep: no such session")
	// ErrBusy: Config.Sessions are open.
	ErrBusy = errors.New("whep: too many sessions")
)

// Config of a Server. Hub is required.
type Config struct {
	Hub *streams.Hub
	// Addr is the UDP address of all sessions, host:port; port 0 takes a free one. Default 127.0.0.1:0.
	Addr string
	// Sessions bounds the open sessions. Default 1024.
	Sessions int
	// Log gets what an operator may have to act on. Default: nothing is logged.
	Log *slog.Logger
}

// Server answers offers. New is the only way to make one; Run must run.
type Server struct {
	config   Config
	log      *slog.Logger
	conn     *net.UDPConn
	mux      ice.UDPMux
	settings webrtc.SettingEngine

	mu       sync.Mutex
	closed   bool
	sessions map[string]*session
	work     sync.WaitGroup
}

// New binds the UDP socket. Close it by running Run to its end.
func New(c Config) (*Server, error) {
	c.Addr = cmp.Or(c.Addr, "127.0.0.1:0")
	c.Sessions = cmp.Or(c.Sessions, 1024)
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	addr, err := net.ResolveUDPAddr("udp4", c.Addr)
	if err != nil {
		return nil, fmt.Errorf("whep address %s: %w", c.Addr, err)
	}
	conn, err := net.ListenUDP("udp4", addr)
	if err != nil {
		return nil, fmt.Errorf("whep address %s: %w", c.Addr, err)
	}
	// A burst of one group of pictures must fit; the kernel gives what net.core.wmem_max allows.
	_ = conn.SetWriteBuffer(4 << 20)
	quiet := logging.NewDefaultLoggerFactory()
	quiet.DefaultLogLevel = logging.LogLevelDisabled
	s := &Server{
		config:   c,
		log:      c.Log,
		conn:     conn,
		mux:      webrtc.NewICEUDPMux(quiet.NewLogger("mux"), conn),
		sessions: make(map[string]*session),
	}
	e := &s.settings
	e.LoggerFactory = quiet
	e.SetICEUDPMux(s.mux)
	e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	e.SetIncludeLoopbackCandidate(true)
	e.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	e.SetLite(true) // this side is reachable by definition: the browser checks, we answer
	e.SetICETimeouts(5*time.Second, 10*time.Second, 2*time.Second)
	return s, nil
}

// Addr is the UDP address that the sessions use.
func (s *Server) Addr() *net.UDPAddr { return s.conn.LocalAddr().(*net.UDPAddr) }

// Run serves until ctx ends, then ends every session and waits for it. It returns nil.
func (s *Server) Run(ctx context.Context) error {
	<-ctx.Done()
	s.mu.Lock()
	s.closed = true
	for _, p := range s.sessions {
		p.end(context.Cause(ctx))
	}
	s.mu.Unlock()
	s.work.Wait()
	_ = s.mux.Close()
	_ = s.conn.Close()
	return nil
}

// Answer is what the browser gets: 201, the SDP, and the session's name for its Location.
type Answer struct {
	SDP     string
	Session string
}

// Play answers a browser's offer to watch camera. It waits for the camera's first picture, at most 10 s or
// until ctx ends: the answer needs to know the codec, and a session without pictures helps nobody.
//
// Errors: streams.ErrUnknownCamera, *streams.UnavailableError with the reason in words, ErrBadOffer,
// ErrNoCodec, ErrBusy; Problem has the words and the HTTP status of each. Rights are the caller's.
func (s *Server) Play(ctx context.Context, camera, offer string) (Answer, error) {
	return s.PlayUntil(ctx, camera, offer, func() {})
}

// PlayUntil is Play, and calls ended once the session is over, unless it returns an error.
func (s *Server) PlayUntil(ctx context.Context, camera, offer string, ended func()) (Answer, error) {
	// What needs no camera first: an offer that cannot be used must not start a pull.
	if _, err := videoOf(offer); err != nil {
		return Answer{}, err
	}
	reader, err := s.config.Hub.Open(camera)
	if err != nil {
		return Answer{}, err
	}
	first, err := s.config.Hub.First(ctx, reader, camera)
	if err != nil {
		reader.Close()
		return Answer{}, err
	}
	if first.CompositionTime > 0 {
		reader.Close()
		return Answer{}, fmt.Errorf("%w: the camera sends B-frames, which WebRTC cannot carry", ErrNoCodec)
	}
	p, err := s.open(camera, offer, reader, first, ended)
	if err != nil {
		reader.Close()
		return Answer{}, err
	}
	return Answer{SDP: p.pc.LocalDescription().SDP, Session: p.id}, nil
}

// open makes the peer connection, the answer and the session's goroutines.
func (s *Server) open(camera, offer string, reader *streams.Reader, first *streams.Packet, ended func()) (*session, error) {
	codec, err := chooseFor(offer, first.Codec)
	if err != nil {
		return nil, err
	}
	var media webrtc.MediaEngine
	if err := media.RegisterCodec(codec, webrtc.RTPCodecTypeVideo); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrBadOffer, err)
	}
	// The browser asks for single lost packets again (RFC 4585); 512 are two seconds of a large picture.
	responder, err := nack.NewResponderInterceptor(nack.ResponderSize(512), nack.DisableCopy())
	if err != nil {
		return nil, err
	}
	var interceptors interceptor.Registry
	interceptors.Add(responder)
	api := webrtc.NewAPI(
		webrtc.WithMediaEngine(&media),
		webrtc.WithInterceptorRegistry(&interceptors),
		webrtc.WithSettingEngine(s.settings),
	)
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, fmt.Errorf("open peer connection: %w", err)
	}
	ctx, end := context.WithCancelCause(context.Background()) // until End, Run's end or silence
	p, err := newSession(camera, pc, reader, codec.RTPCodecCapability, offer, end)
	if err == nil {
		p.kind = first.Codec.Type()
		err = s.add(ctx, p, ended)
	}
	if err != nil {
		end(err)
		_ = pc.GracefulClose()
		return nil, err
	}
	return p, nil
}

// add registers p and starts it, unless the server is full or ends.
func (s *Server) add(ctx context.Context, p *session, ended func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.sessions) >= s.config.Sessions {
		return ErrBusy
	}
	p.id = rand.Text()
	s.sessions[p.id] = p
	s.work.Go(func() {
		err := p.run(ctx)
		p.end(err)
		s.mu.Lock()
		delete(s.sessions, p.id)
		s.mu.Unlock()
		ended()
		s.log.Debug("whep session ended", "camera", p.camera, "reason", err)
	})
	return nil
}

// End ends a session of camera, as DELETE of its Location does. ErrNoSession if there is none.
func (s *Server) End(camera, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.sessions[id]
	if p == nil || p.camera != camera {
		return ErrNoSession
	}
	p.end(errors.New("browser left"))
	return nil
}

// Problem says what HTTP tells the browser about an error of Play or End: status, stable code, words.
func Problem(err error) (status int, code string, text streams.Text) {
	var unavailable *streams.UnavailableError
	switch {
	case errors.As(err, &unavailable):
		return http.StatusServiceUnavailable, "camera_" + string(unavailable.Status.State), unavailable.Status.Reason
	case errors.Is(err, streams.ErrUnknownCamera):
		return http.StatusNotFound, "unknown_camera", streams.Text{Zh: "没有这个摄像机", En: "no such camera"}
	case errors.Is(err, ErrNoSession):
		return http.StatusNotFound, "no_session", streams.Text{Zh: "没有这个播放会话", En: "no such session"}
	case errors.Is(err, ErrNoCodec):
		return http.StatusUnsupportedMediaType, "no_codec", streams.Text{
			Zh: "此浏览器不能通过 WebRTC 播放这路视频（H.265 或含 B 帧）；请改用 MSE，或在摄像机上改为不含 B 帧的 H.264",
			En: "this browser cannot play this video over WebRTC (H.265, or B-frames); use MSE, or set the camera to H.264 without B-frames",
		}
	case errors.Is(err, ErrBadOffer):
		return http.StatusBadRequest, "bad_offer", streams.Text{Zh: "SDP 请求无法使用", En: err.Error()}
	case errors.Is(err, ErrBusy):
		return http.StatusServiceUnavailable, "too_many_sessions", streams.Text{
			Zh: "播放会话已满,请稍后再试", En: "too many sessions; try again later",
		}
	}
	return http.StatusInternalServerError, "internal", streams.Text{Zh: "内部错误", En: "internal error"}
}
