package live

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Recheck looks all viewers up again at once, not within seconds.
func (h *Hub) Recheck(ctx context.Context) { h.recheck(ctx) }

// Snapshots is how many were made.
func (h *Hub) Snapshots() int { return int(counted(h.metrics.snapshots)) }

// Closed is how many clients went for the reason.
func (h *Hub) Closed(reason string) int {
	return int(counted(h.metrics.closed.WithLabelValues(reason)))
}

// Opened is how many clients came in the mode.
func (h *Hub) Opened(mode string) int { return int(counted(h.metrics.opens.WithLabelValues(mode))) }

// Parked is how many clients' sockets are full.
func (h *Hub) Parked() int {
	states, _, _ := h.lag()
	return states["parked"]
}

// Canary says whether one has arrived.
func (h *Hub) Canary() bool {
	_, _, ok := h.canary.last()
	return ok
}
func counted(c prometheus.Metric) float64 {
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		panic(err)
	}
	return m.GetCounter().GetValue()
}

// Publish tells an event that no database has.
func (h *Hub) Publish(e Event) { h.publish([]Event{e}) }
