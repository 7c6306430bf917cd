package streamtest

import (
	"testing"
	"time"
)

func TestAHeadTurnsAtItsSpeedUpToItsLimitsAndStopsByItself(t *testing.T) {
	now := time.Unix(1000, 0)
	h := NewHead(func() time.Time { return now })
	after := func(d time.Duration, want Aim, moving bool) {
		t.Helper()
		now = now.Add(d)
		if at, moves := h.At(); at != want || moves != moving {
			t.Errorf("%+v, moves %v; want %+v, %v", at, moves, want, moving)
		}
	}
	h.Move(Aim{Pan: 1, Tilt: -0.5}, 2*time.Second)
	after(time.Second, Aim{Pan: 60, Tilt: -20}, true)
	after(3*time.Second, Aim{Pan: 120, Tilt: -40}, false) // its own timeout
	h.Move(Aim{Pan: 1}, time.Second)
	after(950*time.Millisecond, Aim{Pan: PanLimitDeg, Tilt: -40}, true)
	h.Stop()
	after(time.Second, Aim{Pan: PanLimitDeg, Tilt: -40}, false)
	h.MoveTo(Aim{Pan: 110, Tilt: 500, Zoom: 1})
	after(time.Second, Aim{Pan: 110, Tilt: 0, Zoom: 0.5}, true)
	after(time.Second, Aim{Pan: 110, Tilt: TiltHighDeg, Zoom: 1}, false)
}
