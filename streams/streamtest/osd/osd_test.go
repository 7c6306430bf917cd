package osd

import "testing"

func TestDebug(t *testing.T) {
	var w writer
	for _, v := range []uint32{0, 1, 2, 3, 19, 20, 39, 255, 1000} {
		w.ue(v)
	}
	w.trailing()
	r := reader{b: w.b}
	for _, v := range []uint32{0, 1, 2, 3, 19, 20, 39, 255, 1000} {
		if got := r.ue(); got != v {
			t.Errorf("%d for %d", got, v)
		}
	}
}
