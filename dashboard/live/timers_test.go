package live

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"gridwall/dashboard/clock"
)

// pipe is a connection without a network: what waits on it stands still in a synctest bubble.
type pipe struct {
	http.ResponseWriter
	conn net.Conn
}

func (p pipe) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return p.conn, bufio.NewReadWriter(bufio.NewReader(p.conn), bufio.NewWriter(p.conn)), nil
}

// bubble is a hub without a database, in a bubble.
func bubble(t *testing.T, c Config) *Hub {
	t.Helper()
	c.Clock, c.Log = new(clock.Clock), slog.New(slog.DiscardHandler)
	h := newHub(c)
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() { h.Run(ctx) })
	t.Cleanup(func() { cancel(); done.Wait() })
	return h
}

// follow is a client of the hub that may see cases.
func follow(t *testing.T, h *Hub) *websocket.Conn {
	t.Helper()
	here, there := net.Pipe()
	t.Cleanup(func() { here.Close() })
	go func() {
		r, err := http.ReadRequest(bufio.NewReader(io.LimitReader(there, 1<<16)))
		if err != nil {
			return
		}
		v := Viewer{Key: "k", Rights: []string{"case.read"}}
		(&Socket{Hub: h}).Serve(pipe{conn: there}, r.WithContext(context.Background()), v, Ask{Since: -1, Topics: Topics})
	}()
	dialer := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return here, nil }}
	conn, _, err := dialer.Dial("ws://live/", nil)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// kinds reads until nothing has come for as long as patience, and says what did.
func kinds(t *testing.T, conn *websocket.Conn, patience time.Duration) (kinds []string) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(patience))
	for {
		_, text, err := conn.ReadMessage()
		if err != nil {
			return kinds
		}
		var m struct{ Type string }
		if err := json.Unmarshal(text, &m); err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, m.Type)
	}
}

func TestAnIdleClientHearsABeatEveryFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := bubble(t, Config{})
		conn := follow(t, h)
		got := strings.Join(kinds(t, conn, 21*time.Second), " ")
		if want := "hello beat beat beat beat beat"; got != want { // one ends the resync
			t.Errorf("in 21 s came %s, want %s", got, want)
		}
	})
}

func TestAnEventPutsTheBeatOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := bubble(t, Config{})
		conn := follow(t, h)
		go func() {
			time.Sleep(4 * time.Second)
			h.publish([]Event{{Seq: 1, Type: "case.reported", At: time.Now(), Data: json.RawMessage("1")}})
		}()
		got := strings.Join(kinds(t, conn, 8*time.Second), " ")
		if want := "hello beat case.reported"; got != want {
			t.Errorf("in 8 s came %s, want %s", got, want)
		}
	})
}

func TestAnAudienceLingersForItsClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := bubble(t, Config{})
		kept := func() int {
			h.mu.RLock()
			defer h.mu.RUnlock()
			return len(h.audiences)
		}
		conn := follow(t, h)
		conn.Close()
		time.Sleep(linger - time.Second)
		if n := kept(); n != 1 {
			t.Errorf("after %v %d audiences are kept, want 1", linger-time.Second, n)
		}
		time.Sleep(3 * time.Second)
		if n := kept(); n != 0 {
			t.Errorf("later %d audiences are kept, want none", n)
		}
	})
}

func TestAClientThatAnswersNoPingIsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := bubble(t, Config{})
		deaf := follow(t, h)
		deaf.SetPingHandler(func(string) error { return nil })
		well := follow(t, h)
		var readers sync.WaitGroup
		for _, conn := range []*websocket.Conn{deaf, well} {
			readers.Go(func() { kinds(t, conn, 4*time.Minute) })
		}
		time.Sleep(readTimeout + 5*time.Second)
		if n := h.Clients(); n != 1 {
			t.Errorf("%d clients are left, want 1", n)
		}
		deaf.Close()
		well.Close()
		readers.Wait()
	})
}

func TestAClientThatTakesNothingIsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := bubble(t, Config{})
		follow(t, h) // reads the handshake, and nothing else
		time.Sleep(writeTimeout - time.Second)
		if n := h.Clients(); n != 1 {
			t.Fatalf("%d clients before the time is up", n)
		}
		time.Sleep(3 * time.Second)
		if n := h.Clients(); n != 0 {
			t.Errorf("%d clients are left", n)
		}
		if n := h.Closed("slow"); n != 1 {
			t.Errorf("%d went for being slow, want 1", n)
		}
	})
}

func TestViewersAreLookedUpAgainEveryThreeSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		h := bubble(t, Config{Again: func(context.Context, string) (Viewer, error) {
			if asked++; asked == 3 {
				return Viewer{}, ErrGone
			}
			return Viewer{Rights: []string{"case.read"}}, nil
		}})
		conn := follow(t, h)
		began := time.Now()
		kinds(t, conn, time.Minute)
		if took := time.Since(began); took < 8*time.Second || took > 10*time.Second || asked != 3 {
			t.Errorf("closed after %v and %d questions", took, asked)
		}
	})
}

// Messages that come alone are written at once; those of a stream gather.
func TestRoundsLieApartOnlyUnderAStream(t *testing.T) {
	var p pace
	now := time.Unix(1000, 0)
	for range 100 { // 100 a second
		p.count(now, 1)
		now = now.Add(10 * time.Millisecond)
	}
	if d := p.between(); d != 0 {
		t.Errorf("a hundred deliveries a second gather for %v", d)
	}
	for range 100 { // 50 messages a second to 10,000
		p.count(now, 10_000)
		now = now.Add(20 * time.Millisecond)
	}
	if d := p.between(); d < paceLeast || d > paceMost {
		t.Errorf("half a million a second gather for %v", d)
	}
	now = now.Add(time.Minute)
	p.count(now, 1)
	if d := p.between(); d != 0 {
		t.Errorf("after a minute's silence messages gather for %v", d)
	}
}
