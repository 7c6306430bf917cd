package streams

import (
	"net/url"
	"sync"
	"time"
)

// starts spreads connections over time: in all, and for each host.
type starts struct {
	gap, deviceGap time.Duration

	mu      sync.Mutex
	next    time.Time
	devices map[string]time.Time // when each host may be asked again; past ones are thrown away
}

// maxDevices is how many hosts are remembered before past ones are looked for.
const maxDevices = 1024

// reserve returns how long a connection to the address must wait from now, and takes the place.
func (s *starts) reserve(address string, now time.Time) time.Duration {
	host := ""
	if u, err := url.Parse(address); err == nil {
		host = u.Host
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.devices == nil {
		s.devices = map[string]time.Time{}
	}
	if len(s.devices) >= maxDevices {
		for h, t := range s.devices {
			if t.Before(now) {
				delete(s.devices, h)
			}
		}
	}
	at := later(now, later(s.next, s.devices[host]))
	s.devices[host] = at.Add(s.deviceGap)
	s.next = later(now, s.next).Add(s.gap)
	return at.Sub(now)
}
