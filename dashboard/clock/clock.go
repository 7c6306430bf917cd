// Package clock is the time that rules go by: the machine's, or a simulated one that scenarios and the demo set.
//
// Sessions, sockets and back-off go by the machine's time always; only what is written into cases and events asks here.
package clock

import (
	"sync/atomic"
	"time"
)

// Clock tells the time. The zero value goes with the machine.
type Clock struct{ set atomic.Pointer[time.Time] }

// Now is the time in UTC, to the microsecond, as PostgreSQL keeps it.
func (c *Clock) Now() time.Time {
	if t := c.set.Load(); t != nil {
		return *t
	}
	return time.Now().UTC().Truncate(time.Microsecond)
}

// Set stops the clock at t.
func (c *Clock) Set(t time.Time) {
	t = t.UTC().Truncate(time.Microsecond)
	c.set.Store(&t)
}

// Release lets the clock go with the machine again.
func (c *Clock) Release() { c.set.Store(nil) }

// Simulated says whether the clock stands where somebody set it.
func (c *Clock) Simulated() bool { return c.set.Load() != nil }
