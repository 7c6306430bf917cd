package ptz

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/paulmach/orb"

	"gridwall/dashboard/access"
	"gridwall/dashboard/cameras"
	"gridwall/streams/onvif"
)

const (
	writeWait = 5 * time.Second
	pingEvery = 10 * time.Second
	pongWait  = 25 * time.Second
	// maxWish bounds a message of a page, in bytes.
	maxWish = 4 << 10
	// outgoing is how many messages wait for a slow page; where it looks is left out first, and then the page is.
	outgoing = 64
)

// Command is what one wants of a head, over the websocket or alone.
type Command struct {
	Take     bool   `json:"take"`
	TakeOver bool   `json:"take_over"` // take it although somebody else drives
	Release  bool   `json:"release"`
	Move     *Speed `json:"move"` // over the websocket alone, to be repeated every 60 ms; zero stops
	Stop     bool   `json:"stop"`
	GoTo     string `json:"goto"` // token of a preset
	Save     *struct {
		Name  string `json:"name"`
		Token string `json:"token"` // of the preset to overwrite; empty: a new one
	} `json:"save"`
	Look *cameras.Location `json:"look"` // at this point of the map
	To   *Aim              `json:"to"`   // an aim
}

// Speed is a part of a head's full speed, each from -1 to 1: right, up and in are positive.
type Speed struct {
	Pan  float64 `json:"pan"`
	Tilt float64 `json:"tilt"`
	Zoom float64 `json:"zoom"`
}

// Preset 预置位 as people see it.
type Preset struct {
	Token string `json:"token"`
	Name  string `json:"name"`
	At    *Aim   `json:"at"` // null: the camera does not say
}

// State is what a page shows of a head.
type State struct {
	Type    string   `json:"type"` // state
	Driver  *Driver  `json:"driver"`
	You     bool     `json:"you"` // this page drives
	At      *Aim     `json:"at"`
	Presets []Preset `json:"presets"`
	NoLook  []Sector `json:"no_look"`
	CanLook bool     `json:"can_look"` // from the map
	Trouble *Text    `json:"trouble"`
}

// told is every other message: at {at}, held {reason}, trouble {reason}, lost {by}.
type told struct {
	Type   string `json:"type"`
	At     *Aim   `json:"at,omitempty"`
	Reason *Text  `json:"reason,omitempty"`
	By     string `json:"by,omitempty"`
}

var upgrader = websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024}

// session is one page at one camera.
type session struct {
	room   *Room
	camera *cameras.Camera
	who    access.Identity
	id     string
	out    chan any
	end    context.CancelFunc // a page that takes nothing is left

	mu     sync.Mutex
	state  State
	wheel  *wheel             // while this page drives
	let    context.CancelFunc // ends the wheel
	wheels sync.WaitGroup
}

// Serve upgrades the request and lets the page drive until it leaves or ctx ends; then the head stands and is free. It
// returns an error, without having answered, for a camera that who may not turn.
func (r *Room) Serve(ctx context.Context, w http.ResponseWriter, req *http.Request, id string, who access.Identity) error {
	c, err := r.camera(id, who)
	if err != nil {
		return err
	}
	conn, err := upgrader.Upgrade(w, req, nil)
	if err != nil {
		return nil // it has answered
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &session{room: r, camera: c, who: who, id: newSession(), out: make(chan any, outgoing), end: cancel}
	r.mu.Lock()
	if r.sessions[id] == nil {
		r.sessions[id] = map[*session]bool{}
	}
	r.sessions[id][s] = true
	r.mu.Unlock()
	var work sync.WaitGroup
	work.Go(func() { s.write(ctx, conn); cancel(); conn.Close() })
	work.Go(func() { s.keep(ctx) })
	s.show(ctx)
	s.read(ctx, conn)
	cancel()
	s.leave(ctx)
	work.Wait()
	return nil
}

// leave stops the head at once and gives the seat back, also when the page has just vanished.
func (s *session) leave(ctx context.Context) {
	s.room.mu.Lock()
	delete(s.room.sessions[s.camera.ID], s)
	if len(s.room.sessions[s.camera.ID]) == 0 {
		delete(s.room.sessions, s.camera.ID)
	}
	s.room.mu.Unlock()
	s.letGo()
	s.wheels.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeWait)
	defer cancel()
	if err := s.room.release(last, s.camera, s.who, s.id); err != nil {
		s.room.Log.Warn("seat not given back, its lease will end it", "camera", s.camera.ID, "error", err)
	}
}

// letGo ends the wheel, which stops the head; it does not wait.
func (s *session) letGo() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.let != nil {
		s.let()
		s.let, s.wheel = nil, nil
	}
}

func (s *session) send(message any) {
	select {
	case s.out <- message:
	default:
		if t, ok := message.(told); !ok || t.Type != "at" {
			s.end()
		}
	}
}

func (s *session) trouble(err error) {
	words := explain(err)
	s.send(told{Type: "trouble", Reason: &words})
}

// hear is told who drives; it is called under the room's lock and does not wait.
func (s *session) hear(d driven) {
	s.mu.Lock()
	lost := s.let != nil && d.Session != s.id
	if lost {
		s.let()
		s.let, s.wheel = nil, nil
	}
	s.state.Driver, s.state.You = d.Driver, d.Driver != nil && d.Session == s.id
	state := s.state
	s.mu.Unlock()
	if lost {
		s.send(told{Type: "lost", By: d.By})
	}
	s.send(state)
}

// show tells the page how things stand.
func (s *session) show(ctx context.Context) {
	state := State{Type: "state", Presets: []Preset{}, NoLook: []Sector{}}
	d, err := s.room.Driver(ctx, s.camera.ID)
	var m Mount
	if err == nil {
		m, err = s.room.Mount(ctx, s.camera)
	}
	if err == nil {
		state.NoLook = m.NoLook
		state.CanLook = m.ZeroDeg != nil && s.camera.HeightM != nil
		state.At, state.Presets, err = s.room.ask(ctx, s.camera, m)
	}
	if err != nil {
		words := explain(err)
		state.Trouble = &words
	}
	s.mu.Lock()
	state.Driver, state.You = d, d != nil && d.session == s.id
	s.state = state
	s.mu.Unlock()
	s.send(state)
}

// ask is where a head looks (nil: it does not say) and its presets.
func (r *Room) ask(ctx context.Context, c *cameras.Camera, m Mount) (*Aim, []Preset, error) {
	dome, err := r.dome(c, m)
	if err != nil {
		return nil, []Preset{}, err
	}
	known, err := dome.presets(ctx)
	if err != nil {
		return nil, []Preset{}, err
	}
	presets := make([]Preset, len(known))
	for i, p := range known {
		presets[i] = Preset{Token: p.Token, Name: p.Name}
		if p.At != nil {
			a := m.aim(*p.At)
			presets[i].At = &a
		}
	}
	var at *Aim
	if v, err := dome.Position(ctx); err == nil {
		a := m.aim(v)
		at = &a
	}
	return at, presets, nil
}

func (s *session) write(ctx context.Context, conn *websocket.Conn) {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		select {
		case <-ctx.Done():
			_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, ""), time.Now().Add(time.Second))
			return
		case <-ping.C:
			if conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeWait)) != nil {
				return
			}
		case message := <-s.out:
			conn.SetWriteDeadline(time.Now().Add(writeWait))
			if conn.WriteJSON(message) != nil {
				return
			}
		}
	}
}

// keep renews the seat while this page drives.
func (s *session) keep(ctx context.Context) {
	tick := time.NewTicker(leaseEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.mu.Lock()
		drives := s.wheel != nil
		s.mu.Unlock()
		if !drives {
			continue
		}
		if has, err := s.room.renew(ctx, s.camera.ID, s.id); err == nil && !has {
			d, err := s.room.Driver(ctx, s.camera.ID)
			if err != nil {
				continue
			}
			lost := driven{ID: s.camera.ID, Driver: d}
			if d != nil {
				lost.Session, lost.By = d.session, d.Name
			}
			s.hear(lost)
		}
	}
}

func (s *session) read(ctx context.Context, conn *websocket.Conn) {
	conn.SetReadLimit(maxWish)
	conn.SetReadDeadline(time.Now().Add(pongWait))
	conn.SetPongHandler(func(string) error { return conn.SetReadDeadline(time.Now().Add(pongWait)) })
	for {
		_, text, err := conn.ReadMessage()
		if err != nil || ctx.Err() != nil {
			return
		}
		conn.SetReadDeadline(time.Now().Add(pongWait))
		var c Command
		if json.Unmarshal(text, &c) != nil {
			s.send(told{Type: "trouble", Reason: &Text{ZH: "指令无法识别", EN: "the command cannot be read"}})
			continue
		}
		if err := s.do(ctx, c); err != nil {
			s.trouble(err)
		}
	}
}

func (s *session) do(ctx context.Context, c Command) error {
	switch {
	case c.Take, c.TakeOver:
		return s.take(ctx, c.TakeOver)
	case c.Release:
		s.letGo()
		s.wheels.Wait()
		return s.room.release(ctx, s.camera, s.who, s.id)
	}
	s.mu.Lock()
	w := s.wheel
	s.mu.Unlock()
	if w == nil {
		return &RefusedError{Text{ZH: "请先取得控制权", EN: "take control first"}}
	}
	switch {
	case c.Stop:
		w.wish(onvif.Vector{})
	case c.Move != nil:
		w.wish(onvif.Vector{Pan: part(c.Move.Pan), Tilt: part(c.Move.Tilt), Zoom: part(c.Move.Zoom)})
	default:
		w.wish(onvif.Vector{})
		if err := s.room.once(ctx, s.camera, c); err != nil {
			return err
		}
		if c.Save != nil {
			s.show(ctx)
		}
	}
	return nil
}

// part keeps a wish within what a head can.
func part(x float64) float64 { return max(-1, min(1, x)) }

func (s *session) take(ctx context.Context, over bool) error {
	m, err := s.room.Mount(ctx, s.camera)
	if err != nil {
		return err
	}
	dome, err := s.room.dome(s.camera, m)
	if err != nil {
		return err
	}
	s.letGo()
	s.wheels.Wait()
	wheel := newWheel(dome, m, s.hearWheel)
	life, let := context.WithCancel(ctx)
	s.mu.Lock()
	s.wheel, s.let = wheel, let
	s.mu.Unlock()
	if err := s.room.take(ctx, s.camera, s.who, s.id, over); err != nil {
		s.letGo()
		return err
	}
	s.wheels.Go(func() { wheel.Run(life) })
	return nil
}

func (s *session) hearWheel(n news) {
	if n.at != nil {
		s.send(told{Type: "at", At: n.at})
	}
	if n.held != nil {
		words := explain(held(n.held))
		s.send(told{Type: "held", Reason: &words})
	}
	if n.err != nil {
		s.trouble(n.err)
	}
}

// once does what is no continuous move.
func (r *Room) once(ctx context.Context, c *cameras.Camera, do Command) error {
	m, err := r.Mount(ctx, c)
	if err != nil {
		return err
	}
	dome, err := r.dome(c, m)
	if err != nil {
		return err
	}
	switch {
	case do.Stop:
		return dome.Stop(ctx)
	case do.GoTo != "":
		return dome.goTo(ctx, m, do.GoTo)
	case do.Save != nil:
		name := strings.TrimSpace(do.Save.Name)
		if name == "" || len([]rune(name)) > 40 {
			return &InvalidError{Text{ZH: "预置位名称应为 1 至 40 字", EN: "a preset's name has 1 to 40 characters"}}
		}
		profile, err := dome.of(ctx)
		if err == nil {
			_, err = dome.client.SetPreset(ctx, profile, name, do.Save.Token)
		}
		return err
	case do.Look != nil:
		p := orb.Point{do.Look.Lon, do.Look.Lat}
		if !(p[0] >= -180 && p[0] <= 180 && p[1] >= -90 && p[1] <= 90) {
			return &InvalidError{Text{ZH: "位置应为经度、纬度（度）", EN: "the location is longitude and latitude in degrees"}}
		}
		return dome.lookAt(ctx, c, m, p)
	case do.To != nil:
		return dome.moveTo(ctx, m, *do.To)
	}
	return &InvalidError{Text{ZH: "未写明要做什么", EN: "say what to do: stop, goto, save, look or to"}}
}

// Do is a single command without a page: it takes the head if that is free, or over if the command says so, and holds it
// until it is released or 15 s have gone.
func (r *Room) Do(ctx context.Context, id string, who access.Identity, do Command) error {
	c, err := r.camera(id, who)
	if err != nil {
		return err
	}
	seat := fmt.Sprintf("account %d %s", who.Account, who.Username)
	if do.Release {
		return r.release(ctx, c, who, seat)
	}
	if do.Move != nil {
		return &InvalidError{Text{ZH: "连续转动请使用 WebSocket", EN: "a continuous move goes over the websocket"}}
	}
	if err := r.take(ctx, c, who, seat, do.TakeOver); err != nil {
		return err
	}
	if _, err := r.renew(ctx, id, seat); err != nil {
		return err
	}
	if (do.Take || do.TakeOver) && do == (Command{Take: do.Take, TakeOver: do.TakeOver}) {
		return nil
	}
	return wordy(r.once(ctx, c, do))
}

// Show is how things stand at a head.
func (r *Room) Show(ctx context.Context, id string, who access.Identity) (State, error) {
	c, err := r.camera(id, who)
	if err != nil {
		return State{}, err
	}
	m, err := r.Mount(ctx, c)
	if err != nil {
		return State{}, err
	}
	s := State{Type: "state", NoLook: m.NoLook, CanLook: m.ZeroDeg != nil && c.HeightM != nil}
	if s.Driver, err = r.Driver(ctx, id); err != nil {
		return State{}, err
	}
	if s.At, s.Presets, err = r.ask(ctx, c, m); err != nil {
		words := explain(err)
		s.Trouble = &words
	}
	return s, nil
}

// FailedError: the camera did not do what it was asked; it says why in words.
type FailedError struct{ Reason Text }

func (e *FailedError) Error() string { return e.Reason.EN }

// wordy turns errors of the camera into a *FailedError; those of people stay.
func wordy(err error) error {
	switch err.(type) {
	case nil, *RefusedError, *InvalidError, *BusyError:
		return err
	}
	return &FailedError{explain(err)}
}
