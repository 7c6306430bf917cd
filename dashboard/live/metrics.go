package live

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the hub's numbers. Every label has a handful of values.
type metrics struct {
	hub                *Hub
	delay              *prometheus.HistogramVec
	read, write, total prometheus.Observer
	opens, closed      *prometheus.CounterVec
	events             prometheus.Counter
	snapshots          prometheus.Counter
	positions          prometheus.Counter

	head, audiences, lagMost, lagAll, ringBytes, canary, canaryAge *prometheus.Desc
	clients                                                        *prometheus.Desc
}

func newMetrics(h *Hub) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	m := &metrics{hub: h,
		delay: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "gridwall_live_delay_seconds",
			Help:    "Time of an event on its way: read (from its own time to this node), write (from there to the last client that was not parked), total. Read and total are left out while the clock is simulated.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}}, []string{"stage"}),
		opens:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gridwall_live_opens_total", Help: "Clients that came, by how they go on: live, replay, resync."}, []string{"mode"}),
		closed:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gridwall_live_closed_total", Help: "Clients that went, by reason."}, []string{"reason"}),
		events:    counter("gridwall_live_events_total", "Events that this node told its audiences."),
		snapshots: counter("gridwall_live_snapshots_total", "Snapshots that were made; clients that come together share one."),
		positions: counter("gridwall_live_positions_total", "Positions that were reported to this node."),
		head:      desc("gridwall_live_head", "Newest number of the event log on this node."),
		audiences: desc("gridwall_live_audiences", "Audiences that are kept."),
		clients:   desc("gridwall_live_clients", "Websockets that follow: opening, live, or parked because their sockets are full.", "state"),
		lagMost:   desc("gridwall_live_lag_max_bytes", "How far the slowest client is behind its audience's ring."),
		lagAll:    desc("gridwall_live_lag_bytes", "How far all clients together are behind."),
		ringBytes: desc("gridwall_live_ring_bytes", "Memory of all rings."),
		canary:    desc("gridwall_live_canary_seconds", "Time of the last canary from NOTIFY through a ring to a socket of this process."),
		canaryAge: desc("gridwall_live_canary_age_seconds", "Time since the last canary arrived."),
	}
	m.read, m.write, m.total = m.delay.WithLabelValues("read"), m.delay.WithLabelValues("write"), m.delay.WithLabelValues("total")
	for _, mode := range []string{"live", "replay", "resync"} {
		m.opens.WithLabelValues(mode)
	}
	for _, why := range []closing{closeGone, closeSlow, closeBehind, closeRights, closeSession, closeFlood, closeStopping} {
		m.closed.WithLabelValues(why.reason)
	}
	return m
}

func (m *metrics) kept() []prometheus.Collector {
	return []prometheus.Collector{m.delay, m.opens, m.closed, m.events, m.snapshots, m.positions}
}

// Describe is prometheus.Collector's.
func (h *Hub) Describe(to chan<- *prometheus.Desc) {
	m := h.metrics
	for _, c := range m.kept() {
		c.Describe(to)
	}
	for _, d := range []*prometheus.Desc{m.head, m.audiences, m.clients, m.lagMost, m.lagAll, m.ringBytes, m.canary, m.canaryAge} {
		to <- d
	}
}

// Collect is prometheus.Collector's.
func (h *Hub) Collect(to chan<- prometheus.Metric) {
	m := h.metrics
	for _, c := range m.kept() {
		c.Collect(to)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	states, most, all := h.lag()
	for _, state := range []string{"opening", "live", "parked"} {
		gauge(m.clients, float64(states[state]), state)
	}
	gauge(m.lagMost, float64(most))
	gauge(m.lagAll, float64(all))
	h.mu.RLock()
	gauge(m.head, float64(h.head))
	gauge(m.audiences, float64(len(h.audiences)))
	bytes := 0
	for _, a := range h.audiences {
		bytes += a.ring.size()
	}
	h.mu.RUnlock()
	gauge(m.ringBytes, float64(bytes))
	if took, at, ok := h.canary.last(); ok {
		gauge(m.canary, took.Seconds())
		gauge(m.canaryAge, time.Since(at).Seconds())
	}
}

// lag counts clients by state, and the bytes that they are behind: the most of one, and of all.
func (h *Hub) lag() (states map[string]int, most, all int64) {
	states = map[string]int{}
	h.each(func(c *client) {
		switch {
		case c.parked.Load() && c.tcp != nil:
			states["parked"]++
		case !c.joined.Load() || c.opening.Load():
			states["opening"]++
			return
		default:
			states["live"]++
		}
		behind := max(0, c.audience.ring.end()-c.pos.Load())
		most, all = max(most, behind), all+behind
	})
	return states, most, all
}
