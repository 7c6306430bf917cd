package streams_test

import (
	"flag"
	"runtime"
	"testing"
	"time"

	"gridwall/streams"
	"gridwall/streams/streamtest"
)

// recovered reads until a keyframe has come after the break and the camera is live.
func recovered(t *testing.T, h *streams.Hub, r *streams.Reader) {
	t.Helper()
	for end := time.Now().Add(90 * time.Second); ; {
		item := packet(t, r)
		status, _ := h.Status("C001")
		if item.Packet.IsKeyFrame && status.State == streams.Live {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("no keyframe after the fault: %+v", status)
		}
	}
}

// Each fault comes in mid-play, is told in words, and is over once the camera is in order again.
func TestEveryFaultInMidPlayIsToldAndOver(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fault streamtest.Fault
		want  streams.State
	}{
		{"hangs up", streamtest.Dark, streams.Offline},
		{"sends nothing", streamtest.Stall, streams.Stalled},
		{"a broken description", streamtest.BadSDP, streams.Offline},
		{"another password", streamtest.Refuse, streams.AuthFailed},
		{"no keyframe", streamtest.NoKeyframe, streams.NoKeyframe},
		{"another codec", streamtest.OtherCodec, streams.WrongCodec},
		{"forgets its sessions", streamtest.Forget, streams.Offline},
		{"answers a byte at a time", streamtest.Drip, streams.Offline},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			room := cameras(t, streamtest.Config{Cameras: one, User: "u", Password: "p"})
			h := hub(t, streams.Config{Sweep: never, Stall: 2 * time.Second, KeyframeWait: 4 * time.Second})
			h.Set([]streams.Camera{{ID: "C001", URL: room.URL("C001")}})
			r := open(t, h, "C001")
			for range 10 {
				packet(t, r)
			}
			if err := room.SetFault("C001", tc.fault); err != nil {
				t.Fatal(err)
			}
			if err := room.Drop("C001"); err != nil {
				t.Fatal(err)
			}
			for got := trouble(t, r); got.State != tc.want; got = trouble(t, r) {
				if got.Reason.Zh == "" || got.Reason.En == "" {
					t.Errorf("%s without words", got.State)
				}
			}
			if err := room.SetFault("C001", streamtest.Healthy); err != nil {
				t.Fatal(err)
			}
			if tc.fault == streamtest.Refuse {
				if err := h.Retry("C001"); err != nil { // three refusals are for people to lift
					t.Fatal(err)
				}
			}
			recovered(t, h, r)
		})
	}
}

// A line that damages some packets costs pictures and not the camera; people are told, and no longer once it is in order.
func TestALineThatDamagesPacketsIsToldAndOver(t *testing.T) {
	for name, fault := range map[string]streamtest.Fault{"loses": streamtest.Loss, "swaps": streamtest.Reorder, "cuts": streamtest.Truncate} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			room := cameras(t, streamtest.Config{Cameras: one})
			h := hub(t, streams.Config{Sweep: never})
			h.Set([]streams.Camera{{ID: "C001", URL: room.URL("C001")}})
			r := open(t, h, "C001")
			recovered(t, h, r)
			for _, now := range []struct {
				fault streamtest.Fault
				state streams.State
			}{{fault, streams.Late}, {streamtest.Healthy, streams.Live}} {
				if err := room.SetFault("C001", now.fault); err != nil {
					t.Fatal(err)
				}
				last := packet(t, r).Packet
				for end := time.Now().Add(time.Minute); ; {
					p := packet(t, r).Packet
					if p.Time <= last.Time {
						t.Fatalf("the time line goes from %v to %v", last.Time, p.Time)
					}
					status, _ := h.Status("C001")
					if last = p; status.State == now.state {
						if lost := status.Reason != (streams.Text{}); lost != (now.state == streams.Late) {
							t.Errorf("%s with the words %q", status.State, status.Reason.Zh)
						}
						break
					}
					if time.Now().After(end) {
						t.Fatalf("the camera is %+v", status)
					}
				}
			}
		})
	}
}

var long = flag.Bool("long", false, "a reboot every 20 s for 10 min instead of three")

// make fault-video is the long form.
func TestACameraThatRebootsAgainAndAgainComesBackEachTime(t *testing.T) {
	reboots, every := 3, time.Duration(0)
	if *long {
		reboots, every = 30, 20*time.Second
	}
	room := cameras(t, streamtest.Config{Cameras: one})
	h := hub(t, streams.Config{Sweep: never})
	h.Set([]streams.Camera{{ID: "C001", URL: room.URL("C001")}})
	r := open(t, h, "C001")
	recovered(t, h, r)
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, goroutines := uint64(0), 0
	last := packet(t, r).Packet
	for n := range reboots {
		began := time.Now()
		if err := room.Reboot("C001", 500*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if status := trouble(t, r); status.State != streams.Offline {
			t.Errorf("reboot %d: %+v", n, status)
		}
		for time.Since(began) < every {
			last = packet(t, r).Packet
		}
		recovered(t, h, r)
		if p := packet(t, r).Packet; p.Time <= last.Time {
			t.Fatalf("reboot %d: the time line goes from %v to %v", n, last.Time, p.Time)
		}
		last = packet(t, r).Packet
		t.Logf("reboot %d: %v with pictures again, heap %d KiB, %d goroutines", n, time.Since(began).Round(time.Millisecond), heap()>>10, runtime.NumGoroutine())
		if n == 1 {
			before, goroutines = heap(), runtime.NumGoroutine()
		}
	}
	if after := heap(); after > before+before/4+(1<<20) {
		t.Errorf("the heap grew from %d to %d KiB", before>>10, after>>10)
	}
	eventually(t, 30*time.Second, func() bool { return runtime.NumGoroutine() <= goroutines+3 }, func() string { return "goroutines are left of pulls that ended" })
}
