package rtpout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/auth"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/headers"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"

	"gridwall/streams"
)

// ErrNobody: the credentials are nobody's. Config.Allowed returns it.
var ErrNobody = errors.New("rtpout: nobody of that name and password")

// Credentials of an RTSP client.
type Credentials struct {
	Username, Password string // of Basic authentication
	Token              string // ?token= of the address
}

// Config of a Server. Hub and Allowed are required.
type Config struct {
	Hub *streams.Hub
	// Addr is the TCP address. Default 127.0.0.1:8554.
	Addr string
	// Listener is used instead of Addr, if it is given.
	Listener net.Listener
	// Allowed says whether the client may see the camera, ErrNobody, or why not. It is asked once a connection
	// and camera; the function that it returns (nil: none) is called when the client has gone, or has been refused.
	Allowed func(ctx context.Context, who Credentials, camera string) (ended func(), err error)
	// Viewers bounds who is connected. Default 1024.
	Viewers int
	// Log gets what an operator may have to act on. Default: nothing is logged.
	Log *slog.Logger
}

// Server plays cameras over RTSP (RFC 2326), TCP only: rtsp://host:8554/{id}, ?profile=sub for the small picture.
// Each viewer has a stream of its own, so that it begins with the cached group of pictures, and loses its own frames
// when it is slow. New is the only way to make one; Run must run.
type Server struct {
	config Config
	rtsp   *gortsplib.Server
	life   context.Context
	end    context.CancelFunc

	mu      sync.Mutex
	viewers map[*gortsplib.ServerConn]*viewer
	conns   int
}

// New binds the address. The server answers from now on; Run ends it.
func New(c Config) (*Server, error) {
	c.Addr = cmp.Or(c.Addr, "127.0.0.1:8554")
	c.Viewers = cmp.Or(c.Viewers, 1024)
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	s := &Server{config: c, viewers: map[*gortsplib.ServerConn]*viewer{}}
	s.life, s.end = context.WithCancel(context.Background()) // until Run ends
	s.rtsp = &gortsplib.Server{
		RTSPAddress:    c.Addr,
		Handler:        (*handler)(s),
		AuthMethods:    []auth.VerifyMethod{auth.VerifyMethodBasic},
		WriteQueueSize: 8, // nothing waits there: viewers write for themselves
		WriteTimeout:   writeWait,
		// Viewers send their own.
		DisableRTCPSenderReports: true,
		Listen: func(network, address string) (net.Listener, error) {
			if c.Listener != nil {
				return &lines{c.Listener}, nil
			}
			l, err := net.Listen(network, address)
			return &lines{l}, err
		},
	}
	if err := s.rtsp.Start(); err != nil {
		s.end()
		return nil, fmt.Errorf("rtsp address %s: %w", c.Addr, err)
	}
	return s, nil
}

// Addr is the TCP address that the server listens on.
func (s *Server) Addr() net.Addr { return s.rtsp.NetListener().Addr() }

// Run serves until ctx ends. It returns nil when every viewer is gone.
func (s *Server) Run(ctx context.Context) error {
	<-ctx.Done()
	s.end()
	s.rtsp.Close()
	s.mu.Lock()
	left := s.viewers
	s.viewers = nil
	s.mu.Unlock()
	for _, v := range left {
		v.close()
	}
	return nil
}

// handler is the Server as gortsplib calls it.
type handler Server

func (h *handler) OnConnOpen(ctx *gortsplib.ServerHandlerOnConnOpenCtx) {
	h.mu.Lock()
	h.conns++
	full := h.conns > h.config.Viewers
	h.mu.Unlock()
	if full {
		ctx.Conn.Close()
	}
}

func (h *handler) OnConnClose(ctx *gortsplib.ServerHandlerOnConnCloseCtx) {
	h.mu.Lock()
	h.conns--
	v := h.viewers[ctx.Conn]
	delete(h.viewers, ctx.Conn)
	h.mu.Unlock()
	if v != nil {
		v.close()
	}
}

func (h *handler) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return h.open(ctx.Conn, ctx.Request, ctx.Path, ctx.Query)
}

func (h *handler) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if ctx.Transport.Protocol != gortsplib.ProtocolTCP {
		return &base.Response{StatusCode: base.StatusUnsupportedTransport}, nil, nil
	}
	res, stream, err := h.open(ctx.Conn, ctx.Request, ctx.Path, ctx.Query)
	if v := h.viewer(ctx.Conn); v != nil {
		v.asked = trackOf(ctx.Request.URL)
	}
	return res, stream, err
}

// trackOf is which media a SETUP is about, as the description numbers them.
func trackOf(u *base.URL) int {
	_, n, _ := strings.Cut(u.String(), "trackID=")
	track, err := strconv.Atoi(n)
	if err != nil || track < 0 || track > 1 {
		return 0
	}
	return track
}

// OnResponse learns from answers to SETUP on which channels a viewer wants its packets.
func (h *handler) OnResponse(conn *gortsplib.ServerConn, res *base.Response) {
	v := h.viewer(conn)
	if v == nil || v.asked < 0 {
		return
	}
	track := v.asked
	v.asked = -1
	var t headers.Transport
	if res.StatusCode == base.StatusOK && t.Unmarshal(res.Header["Transport"]) == nil && t.InterleavedIDs != nil {
		v.tracks[track].open(t.InterleavedIDs[0], t.SSRC)
	}
}

func (h *handler) viewer(conn *gortsplib.ServerConn) *viewer {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.viewers[conn]
}

func (h *handler) OnPlay(ctx *gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	v := h.viewer(ctx.Conn)
	l, ok := ctx.Conn.NetConn().(*line)
	if v == nil || !ok {
		return &base.Response{StatusCode: base.StatusSessionNotFound}, nil
	}
	l.afterAnswer(func() { v.play(h.life, ctx.Session, l) })
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// OnSessionClose ends what a TEARDOWN ends; the connection may stay.
func (h *handler) OnSessionClose(ctx *gortsplib.ServerHandlerOnSessionCloseCtx) {
	h.mu.Lock()
	var left []*viewer
	for conn, v := range h.viewers {
		if v.session.Load() == ctx.Session {
			left = append(left, v)
			delete(h.viewers, conn)
		}
	}
	h.mu.Unlock()
	for _, v := range left {
		v.close()
	}
}

// open finds or makes the viewer of a connection.
func (h *handler) open(conn *gortsplib.ServerConn, req *base.Request, path, query string) (*base.Response, *gortsplib.ServerStream, error) {
	id := strings.Trim(path, "/")
	values, _ := url.ParseQuery(query)
	if values.Get("profile") == "sub" {
		id = streams.SubID(id)
	}
	if v := h.viewer(conn); v != nil {
		if v.camera != id {
			return &base.Response{StatusCode: base.StatusBadRequest}, nil, nil
		}
		return &base.Response{StatusCode: base.StatusOK}, v.stream, nil
	}
	who := Credentials{Token: values.Get("token")}
	var a headers.Authorization
	if a.Unmarshal(req.Header["Authorization"]) == nil && a.Method == headers.AuthMethodBasic {
		who.Username, who.Password = a.Username, a.BasicPass
	}
	ended, err := h.config.Allowed(h.life, who, strings.TrimSuffix(id, streams.SubID("")))
	if ended == nil {
		ended = func() {}
	}
	switch {
	case errors.Is(err, ErrNobody):
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, liberrors.ErrServerAuth{}
	case err != nil:
		return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
	}
	v, err := h.newViewer(id)
	if err != nil {
		ended()
		h.config.Log.Debug("rtsp viewer not served", "camera", id, "error", err)
		return problem(err), nil, nil
	}
	v.ended = ended
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.viewers == nil {
		v.close()
		return &base.Response{StatusCode: base.StatusServiceUnavailable}, nil, nil
	}
	h.viewers[conn] = v
	return &base.Response{StatusCode: base.StatusOK}, v.stream, nil
}

// problem is the answer to who cannot be served; the reason phrase says why in English, as RTSP has it.
func problem(err error) *base.Response {
	var dark *streams.UnavailableError
	if errors.As(err, &dark) {
		return &base.Response{StatusCode: base.StatusServiceUnavailable, StatusMessage: dark.Status.Reason.En}
	}
	if errors.Is(err, streams.ErrUnknownCamera) {
		return &base.Response{StatusCode: base.StatusNotFound}
	}
	return &base.Response{StatusCode: base.StatusServiceUnavailable}
}
