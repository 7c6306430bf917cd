// Package streamtest is a room full of cameras in this process: an RTSP server with one path a camera,
// looping clips with the camera's name and the running time burnt in, and with faults to order. The tests
// pull it over real sockets, and the demo's cameras are it.
//
// A camera that nobody plays is a map entry: no goroutine, no clip in memory. The first player starts its
// clock, the last one stops it. Time stamps run on over loops of the clip and over dusk and dawn.
package streamtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"

	"gridwall/streams/streamtest/osd"
)

// ErrUnknownCamera: no camera of that id.
var ErrUnknownCamera = errors.New("streamtest: unknown camera")

// Camera is one path.
type Camera struct {
	ID    string // path; letters, digits, - and _
	Name  string // burnt in, e.g. 永来城西门
	Scene string // clip: <scene>-day.h264, <scene>-night.h264; empty or unknown: one by ID
	PTZ   bool   // it has a head; where that looks stands in the picture
}

// Config of a Server. Clips and Cameras are required.
type Config struct {
	Addr     string // TCP; default 127.0.0.1:0
	Cameras  []Camera
	Clips    fs.FS  // the clips and osd.font
	User     string // empty: no authentication; else Digest or Basic
	Password string
	// Location is the time zone of the clock in the picture and of day and night. Default Asia/Shanghai.
	Location *time.Location
	// Now is the clock in the picture. Default time.Now.
	Now func() time.Time
	// ClockOffset is by how much the cameras' own clocks are ahead of Now, as ONVIF tells them.
	ClockOffset time.Duration
	// HTTPDigest makes the ONVIF side ask for HTTP Digest instead of WS-UsernameToken.
	HTTPDigest bool
}

// Fault is what is wrong with a camera.
type Fault int

const (
	Healthy    Fault = iota
	Dark             // hangs up on every request
	Stall            // agrees to play and sends nothing
	Mute             // agrees to play and sends reports, which keep the connection alive, but no picture
	BadSDP           // describes itself in rubbish
	Refuse           // 401 whatever the password
	NoKeyframe       // sends no picture that a decoder could start with
	OtherCodec       // describes MPEG-4 video
	Freeze           // sends the same picture for ever
	Loss             // one packet in 200 never arrives
	Reorder          // one packet in 200 arrives after the one behind it
	Truncate         // one packet in 200 arrives without its end
	Forget           // sends nothing to the sessions that play, and answers 454 to those that want to
	Drip             // answers a byte at a time
)

// Server is the room. New is the only way to make one; Run must run.
type Server struct {
	config  Config
	rtsp    *gortsplib.Server
	library library
	font    *osd.Font
	cameras map[string]*camera
	began   time.Time

	work sync.WaitGroup // players' clocks
}

// New binds the port. The server answers from now on; Run ends it.
func New(c Config) (*Server, error) {
	c.Addr = cmp.Or(c.Addr, "127.0.0.1:0")
	if c.Location == nil {
		var err error
		if c.Location, err = time.LoadLocation("Asia/Shanghai"); err != nil {
			c.Location = time.FixedZone("CST", 8*3600)
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Server{
		config:  c,
		library: library{fsys: c.Clips},
		cameras: make(map[string]*camera, len(c.Cameras)),
		began:   time.Now(),
	}
	scenes, err := s.library.scenes()
	if err != nil || len(scenes) == 0 {
		return nil, fmt.Errorf("streamtest: no clips *-day.h264: %w", cmp.Or(err, fs.ErrNotExist))
	}
	if s.font, err = s.library.font(); err != nil {
		return nil, fmt.Errorf("streamtest: font: %w", err)
	}
	for i, described := range c.Cameras {
		if !slices.Contains(scenes, described.Scene) {
			described.Scene = scenes[i%len(scenes)]
		}
		s.cameras[described.ID] = newCamera(s, described, i)
	}
	s.rtsp = &gortsplib.Server{
		RTSPAddress:    c.Addr,
		Handler:        (*handler)(s),
		WriteQueueSize: 512,
		WriteTimeout:   5 * time.Second,
	}
	if err := s.rtsp.Start(); err != nil {
		return nil, fmt.Errorf("streamtest %s: %w", c.Addr, err)
	}
	return s, nil
}

// Run serves until ctx ends. It returns nil when everything has ended.
func (s *Server) Run(ctx context.Context) error {
	<-ctx.Done()
	s.rtsp.Close()
	for _, c := range s.cameras {
		c.halt()
	}
	s.work.Wait()
	return nil
}

// Addr is the TCP address that the server listens on.
func (s *Server) Addr() net.Addr { return s.rtsp.NetListener().Addr() }

// URL is the address of camera id, with user and password if there are any.
func (s *Server) URL(id string) string {
	u := url.URL{Scheme: "rtsp", Host: s.Addr().String(), Path: "/" + id}
	if s.config.User != "" {
		u.User = url.UserPassword(s.config.User, s.config.Password)
	}
	return u.String()
}

// SetFault makes camera id behave so from now on, players included.
func (s *Server) SetFault(id string, f Fault) error {
	c := s.cameras[id]
	if c == nil {
		return ErrUnknownCamera
	}
	c.setFault(f)
	return nil
}

// Drop cuts the connections of camera id's players once.
func (s *Server) Drop(id string) error {
	c := s.cameras[id]
	if c == nil {
		return ErrUnknownCamera
	}
	c.drop()
	return nil
}

// Reboot takes camera id away for a time; it comes back with other time stamps and sequence numbers.
func (s *Server) Reboot(id string, away time.Duration) error {
	c := s.cameras[id]
	if c == nil {
		return ErrUnknownCamera
	}
	c.reboot(time.Now().Add(away))
	return nil
}

// Players tells how many sessions play camera id.
func (s *Server) Players(id string) int {
	c := s.cameras[id]
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.players)
}

// handler is the Server as gortsplib calls it.
type handler Server

func (h *handler) camera(path string) *camera { return h.cameras[strings.Trim(path, "/")] }

// OnRequest hangs up on behalf of cameras that are dark, and drips on behalf of those that do.
func (h *handler) OnRequest(conn *gortsplib.ServerConn, req *base.Request) {
	if req.URL == nil {
		return
	}
	path, _, _ := strings.Cut(strings.Trim(req.URL.Path, "/"), "/")
	c := h.camera(path)
	if c == nil {
		return
	}
	if c.dark() {
		_ = conn.NetConn().Close()
	}
	for answer := "RTSP/1.0 200 OK\r\nServer: " + strings.Repeat("drip, ", 1000); c.is(Drip) && answer != ""; answer = answer[1:] {
		if _, err := conn.NetConn().Write([]byte(answer[:1])); err != nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (h *handler) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	c, res, err := h.admit(ctx.Conn, ctx.Request, ctx.Path)
	if c == nil {
		return res, nil, err
	}
	if body := c.fakeSDP(); body != nil {
		return &base.Response{StatusCode: base.StatusOK, Body: body}, nil, nil
	}
	stream, err := c.serverStream()
	if err != nil {
		return &base.Response{StatusCode: base.StatusInternalServerError}, nil, err
	}
	return &base.Response{StatusCode: base.StatusOK}, stream, nil
}

func (h *handler) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	c, res, err := h.admit(ctx.Conn, ctx.Request, ctx.Path)
	if c == nil {
		return res, nil, err
	}
	stream, err := c.serverStream()
	if err != nil {
		return &base.Response{StatusCode: base.StatusInternalServerError}, nil, err
	}
	return &base.Response{StatusCode: base.StatusOK}, stream, nil
}

func (h *handler) OnPlay(ctx *gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	c := h.camera(ctx.Path)
	if c == nil {
		return &base.Response{StatusCode: base.StatusNotFound}, nil
	}
	if c.is(Forget) {
		return &base.Response{StatusCode: base.StatusSessionNotFound}, nil
	}
	c.join(ctx.Session, ctx.Conn)
	return &base.Response{StatusCode: base.StatusOK}, nil
}

func (h *handler) OnSessionClose(ctx *gortsplib.ServerHandlerOnSessionCloseCtx) {
	if c := h.camera(ctx.Session.Path()); c != nil {
		c.leave(ctx.Session)
	}
}

// OnStreamWriteError is about players that do not read; their connection times out by itself.
func (h *handler) OnStreamWriteError(*gortsplib.ServerHandlerOnStreamWriteErrorCtx) {}

// admit finds the camera of a request and asks for the password. Without a camera, res and err are the answer.
func (h *handler) admit(conn *gortsplib.ServerConn, req *base.Request, path string) (c *camera, res *base.Response, err error) {
	c = h.camera(path)
	if c == nil {
		return nil, &base.Response{StatusCode: base.StatusNotFound}, nil
	}
	user, password := h.config.User, h.config.Password
	if c.refuses() {
		user, password = "nobody", "can know this"
	}
	if user != "" && !conn.VerifyCredentials(req, user, password) {
		return nil, &base.Response{StatusCode: base.StatusUnauthorized}, liberrors.ErrServerAuth{}
	}
	return c, nil, nil
}
