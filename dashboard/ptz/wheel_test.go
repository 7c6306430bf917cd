package ptz

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gridwall/streams/onvif"
	"gridwall/streams/streamtest"
)

// simulated is a head in this process whose camera takes a while to answer.
type simulated struct {
	*streamtest.Head
	takes time.Duration

	mu     sync.Mutex
	silent bool // does not say where it looks
	stops  int
}

func (s *simulated) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(s.takes):
		return nil
	}
}

func (s *simulated) Move(ctx context.Context, v onvif.Vector, timeout time.Duration) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	s.Head.Move(streamtest.Aim{Pan: v.Pan, Tilt: v.Tilt, Zoom: v.Zoom}, timeout)
	return nil
}

func (s *simulated) Stop(ctx context.Context) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	s.Head.Stop()
	s.mu.Lock()
	s.stops++
	s.mu.Unlock()
	return nil
}

func (s *simulated) Position(ctx context.Context) (onvif.Vector, error) {
	if err := s.wait(ctx); err != nil {
		return onvif.Vector{}, err
	}
	if s.silent {
		return onvif.Vector{}, onvif.ErrNoPosition
	}
	at, _ := s.At()
	return onvif.Vector{Pan: at.Pan / streamtest.PanLimitDeg, Tilt: (at.Tilt-streamtest.TiltLowDeg)/(streamtest.TiltHighDeg-streamtest.TiltLowDeg)*2 - 1, Zoom: at.Zoom}, nil
}

// mounted is how the simulated head is mounted, looking north-east at pan 0.
func mounted(noLook ...Sector) Mount {
	zero := 45.0
	return Mount{ZeroDeg: &zero, PanDeg: streamtest.PanLimitDeg, TiltLowDeg: streamtest.TiltLowDeg, TiltHighDeg: streamtest.TiltHighDeg,
		SpeedDeg: streamtest.PanSpeedDeg, NoLook: noLook}
}

// driving runs a wheel in a bubble, where time is exact whatever the machine does.
func driving(t *testing.T, m Mount, do func(t *testing.T, h *simulated, w *wheel, told *[]news, end func())) {
	synctest.Test(t, func(t *testing.T) {
		h := &simulated{Head: streamtest.NewHead(time.Now), takes: 20 * time.Millisecond}
		var mu sync.Mutex
		var told []news
		w := newWheel(h, m, func(n news) {
			mu.Lock()
			told = append(told, n)
			mu.Unlock()
		})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { w.Run(ctx); close(done) }()
		do(t, h, w, &told, func() { cancel(); <-done })
		cancel()
		<-done
		if _, moves := h.At(); moves {
			t.Error("the head was left moving")
		}
	})
}

// hold repeats a wish every 60 ms, as a page does while a key is down.
func hold(w *wheel, v onvif.Vector, d time.Duration) {
	for held := time.Duration(0); held < d; held += 60 * time.Millisecond {
		w.wish(v)
		time.Sleep(60 * time.Millisecond)
	}
}

func TestAHeadStandsWithin300msOfTheLastWord(t *testing.T) {
	for _, tc := range []struct {
		name string
		end  func(w *wheel, end func())
	}{
		{"the key is released", func(w *wheel, _ func()) { w.wish(onvif.Vector{}) }},
		{"the link is lost and nobody says so", func(*wheel, func()) {}},
		{"the page leaves", func(_ *wheel, end func()) { end() }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			driving(t, mounted(), func(t *testing.T, h *simulated, w *wheel, _ *[]news, end func()) {
				hold(w, onvif.Vector{Pan: 1}, 1200*time.Millisecond)
				w.wish(onvif.Vector{Pan: 1})
				if _, moves := h.At(); !moves {
					t.Fatal("it does not move while a key is held")
				}
				last := time.Now()
				tc.end(w, end)
				for {
					if _, moves := h.At(); !moves {
						break
					}
					time.Sleep(time.Millisecond)
				}
				if took := time.Since(last); took > 300*time.Millisecond {
					t.Errorf("it went on for %v", took)
				}
				if at, _ := h.At(); at.Pan < 50 || at.Pan > 95 {
					t.Errorf("a second and a fifth at 60°/s came to %.1f°", at.Pan)
				}
			})
		})
	}
}

func TestAHeadNeverLooksIntoASectorWhateverItsDriverWants(t *testing.T) {
	sector := Sector{Name: "居民楼", FromDeg: 80, ToDeg: 110, LowDeg: -20, HighDeg: 20}
	m := mounted(sector)
	for seed := range uint64(12) {
		driving(t, m, func(t *testing.T, h *simulated, w *wheel, told *[]news, _ func()) {
			random := rand.New(rand.NewPCG(seed, 4))
			h.takes = time.Duration(5+random.IntN(60)) * time.Millisecond
			h.MoveTo(streamtest.Aim{Pan: 0, Tilt: -10})
			time.Sleep(time.Second)
			at := func() Aim { v, _ := h.Position(context.Background()); return m.aim(v) }
			for range 12 {
				v := onvif.Vector{Pan: random.Float64()*2 - 1, Tilt: random.Float64()*2 - 1}
				if random.IntN(2) == 0 {
					v = onvif.Vector{Pan: 1}
				}
				for range 10 {
					hold(w, v, 120*time.Millisecond)
					if a := at(); sector.inside(a, 0) > 0 {
						t.Fatalf("seed %d: it looks at %+v", seed, a)
					}
				}
			}
			// Straight at it: it is told why it stands.
			w.wish(onvif.Vector{})
			time.Sleep(time.Second)
			h.MoveTo(streamtest.Aim{Pan: 0, Tilt: -10})
			time.Sleep(10 * time.Second)
			hold(w, onvif.Vector{Pan: 1}, 8*time.Second)
			if a := at(); a.BearingDeg < 77 || a.BearingDeg >= 80 {
				t.Errorf("it stands at %.2f°, the sector begins at 80°", a.BearingDeg)
			}
			synctest.Wait()
			if last := (*told)[len(*told)-1]; last.held == nil && (*told)[len(*told)-2].held == nil {
				t.Error("nobody said what holds it")
			}
			hold(w, onvif.Vector{Pan: -1}, 500*time.Millisecond)
			if a := at(); a.BearingDeg > 70 {
				t.Errorf("it cannot leave: %.2f°", a.BearingDeg)
			}
		})
	}
}

func TestAHeadThatDoesNotSayWhereItLooksStandsWhereSectorsAre(t *testing.T) {
	driving(t, mounted(Sector{Name: "院内", FromDeg: 200, ToDeg: 210, LowDeg: -90, HighDeg: 20}), func(t *testing.T, h *simulated, w *wheel, told *[]news, _ func()) {
		h.silent = true
		hold(w, onvif.Vector{Pan: 1}, time.Second)
		synctest.Wait()
		if at, _ := h.At(); at.Pan != 0 || len(*told) == 0 || (*told)[0].err == nil {
			t.Errorf("it looks at %+v, told %v", at, *told)
		}
	})
}

func TestAPathThroughASectorIsNoWay(t *testing.T) {
	m := mounted(Sector{Name: "北", FromDeg: 350, ToDeg: 10, LowDeg: -30, HighDeg: 10})
	for _, tc := range []struct {
		name     string
		from, to Aim
		held     bool
	}{
		{"beside it", Aim{20, 0, 0}, Aim{120, 0, 0}, false},
		{"into it", Aim{20, 0, 0}, Aim{5, 0, 0}, true},
		{"through it", Aim{20, 0, 0}, Aim{340, 0, 0}, true},
		{"under it", Aim{20, -60, 0}, Aim{340, -60, 0}, false},
		{"the axes arrive one after the other", Aim{20, -60, 0}, Aim{340, 0, 0}, true},
		{"out of it", Aim{5, 0, 0}, Aim{40, 0, 0}, false},
		{"within its margin", Aim{40, 0, 0}, Aim{10.5, 0, 0}, true},
	} {
		if got := m.crosses(tc.from, tc.to); (got != nil) != tc.held {
			t.Errorf("%s: %+v", tc.name, got)
		}
	}
	if math.Abs(turn(-90)-270) > 1e-9 || turn(720) != 0 {
		t.Error("turn")
	}
}
