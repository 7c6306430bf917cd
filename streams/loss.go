package streams

import "time"

// losses tells a line that loses packets from one that is in order, by the pictures that could not be shown for it.
type losses struct {
	since       time.Time
	shown, left int
	heavy       bool
}

const (
	lossWindow = 10 * time.Second
	lossFrom   = 0.05 // of the pictures of a window: from here on people are told …
	lossUntil  = 0.01 // … until it is less than this
)

// see counts a picture that was shown, or was left out because a part of it, or of one before it, is lost.
func (l *losses) see(now time.Time, left bool) {
	if now.Sub(l.since) >= lossWindow {
		l.turn(now)
	}
	if left {
		l.left++
	} else {
		l.shown++
	}
}

func (l *losses) turn(now time.Time) {
	if all := l.left + l.shown; all > 0 {
		share := float64(l.left) / float64(all)
		l.heavy = share >= lossFrom || l.heavy && share >= lossUntil
	}
	l.since, l.shown, l.left = now, 0, 0
}

var lossReason = Text{"画面数据丢失，不完整的画面没有显示；请检查摄像机的网络线路", "picture data is lost, and pictures that are not whole are left out; check the camera's network line"}
