package streams

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are counted on the media path and read when somebody asks. No camera has a label of its own: at
// 30,000 cameras that would be 30,000 series a metric, and an id says where a camera hangs.
type metrics struct {
	pulls, viewers, sweepSeconds           atomic.Int64
	framesIn, bytesIn, framesOut, bytesOut atomic.Uint64
	lost, damaged, reconnects, probes      atomic.Uint64
	looks                                  atomic.Uint64
}

type metricDesc struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*metrics) float64
}

func metric(name, help string, kind prometheus.ValueType, value func(*metrics) float64) metricDesc {
	return metricDesc{prometheus.NewDesc("gridwall_streams_"+name, help, nil, nil), kind, value}
}

var metricDescs = []metricDesc{
	metric("pulls", "Connections to cameras that are open.", prometheus.GaugeValue,
		func(m *metrics) float64 { return float64(m.pulls.Load()) }),
	metric("viewers", "Readers that are open.", prometheus.GaugeValue,
		func(m *metrics) float64 { return float64(m.viewers.Load()) }),
	metric("frames_in_total", "Access units from cameras.", prometheus.CounterValue,
		func(m *metrics) float64 { return float64(m.framesIn.Load()) }),
	metric("bytes_in_total", "RTP payload bytes from cameras.", prometheus.CounterValue,
		func(m *metrics) float64 { return float64(m.bytesIn.Load()) }),
	metric("frames_out_total", "Access units given to readers.", prometheus.CounterValue,
		func(m *metrics) float64 { return float64(m.framesOut.Load()) }),
	metric("bytes_out_total", "Bytes of access units given to readers.", prometheus.CounterValue,
		func(m *metrics) float64 { return float64(m.bytesOut.Load()) }),
	metric("frames_lost_total", "Access units that readers lost because they were slow.", prometheus.CounterValue,
		func(m *metrics) float64 { return float64(m.lost.Load()) }),
	metric("frames_damaged_total", "Access units left out because a part of them, or of one before, was lost or broken.", prometheus.CounterValue,
		func(m *metrics) float64 { return float64(m.damaged.Load()) }),
	metric("camera_losses_total", "Pulls that ended because the camera was lost or refused.", prometheus.CounterValue,
		func(m *metrics) float64 { return float64(m.reconnects.Load()) }),
	metric("probes_total", "Health probes made.", prometheus.CounterValue,
		func(m *metrics) float64 { return float64(m.probes.Load()) }),
	metric("looks_total", "Probes that looked at the pictures.", prometheus.CounterValue,
		func(m *metrics) float64 { return float64(m.looks.Load()) }),
	metric("sweep_seconds", "How long the last health sweep took.", prometheus.GaugeValue,
		func(m *metrics) float64 { return time.Duration(m.sweepSeconds.Load()).Seconds() }),
}

var camerasDesc = prometheus.NewDesc("gridwall_streams_cameras", "Cameras by state.", []string{"state"}, nil)

// Describe makes the hub a prometheus.Collector.
func (h *Hub) Describe(out chan<- *prometheus.Desc) {
	for _, m := range metricDescs {
		out <- m.desc
	}
	out <- camerasDesc
}

// Collect makes the hub a prometheus.Collector.
func (h *Hub) Collect(out chan<- prometheus.Metric) {
	for _, m := range metricDescs {
		out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(&h.metrics))
	}
	counts := make(map[State]int)
	for _, s := range h.Statuses() {
		counts[s.State]++
	}
	for _, state := range States {
		out <- prometheus.MustNewConstMetric(camerasDesc, prometheus.GaugeValue, float64(counts[state]), string(state))
	}
}
