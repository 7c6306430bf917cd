package streams

import (
	"crypto/sha256"
	"fmt"
	"time"

	"gridwall/streams/rtsp"
)

// sameness tells a picture that stands still from a quiet street.
//
// It knows coded pictures only: a frozen encoder sends the same keyframe, bit for bit, and next to nothing between. A
// sensor's noise, and a clock in the picture, make every keyframe another one, so a quiet night is not taken for a
// frozen camera; a camera that freezes its picture behind a running clock is not found. It is found after three
// keyframes over Config.Frozen at least.
type sameness struct {
	key     [sha256.Size]byte
	size    int // of the keyframe, bytes
	between int // bytes of the pictures since
	frames  int // how many
	times   int // keyframes that were the same, the first counted
	since   time.Time
	moved   bool          // the last word was that it moves
	least   time.Duration // Config.Frozen
}

const (
	sameTimes = 3
	// still is how large a picture between two keyframes may be, as a share of the keyframe, when nothing moves: some bytes
	// for each row of blocks that is skipped.
	still = 0.05
)

// see takes a picture of a pull and tells whether the stream is frozen.
func (s *sameness) see(data []byte, key bool, now time.Time) bool {
	if !key {
		s.between += len(data)
		s.frames++
		return s.frozen(now) && !s.moves()
	}
	s.take(sha256.Sum256(data), len(data), s.moves(), now)
	s.between, s.frames = 0, 0
	return s.frozen(now)
}

// look takes what a look found and tells whether the camera is frozen.
func (s *sameness) look(f *rtsp.Found, now time.Time) bool {
	s.take(f.Key, f.KeySize, f.Between > int(still*float64(f.KeySize)), now)
	s.between, s.frames = 0, 0
	return s.frozen(now)
}

func (s *sameness) take(key [sha256.Size]byte, size int, moves bool, now time.Time) {
	s.moved = moves || key != s.key
	if s.moved {
		s.key, s.size, s.times, s.since = key, size, 1, now
		return
	}
	s.times++
}

func (s *sameness) moves() bool {
	return s.frames > 0 && float64(s.between)/float64(s.frames) > still*float64(s.size)
}

func (s *sameness) frozen(now time.Time) bool {
	return s.times >= sameTimes && now.Sub(s.since) >= s.least
}

// reason says what the judgement rests on. It does not change while the picture stands still.
func (s *sameness) reason(time.Time) Text {
	at := s.since.UTC().Format("15:04:05")
	return Text{
		fmt.Sprintf("%s（UTC）以来关键帧逐位相同，其间几乎没有变化（按编码数据判断）", at),
		fmt.Sprintf("since %s UTC every keyframe is the same bit for bit and next to nothing comes between (judged by the coded pictures)", at),
	}
}

const (
	// slowPicture is how long a first keyframe may take once the camera sends.
	slowPicture = 5 * time.Second
	// slowShare is how much of its pictures' time a camera must deliver in that time.
	slowShare = 0.5
	// wrongClock is how far off a clock may be: evidence carries its time.
	wrongClock = time.Minute
)

// judge says whether pictures that came are as they should be.
func judge(f *rtsp.Found) (State, Text) {
	switch {
	case f.FirstPicture > slowPicture:
		n := int(f.FirstPicture.Seconds())
		return Late, Text{fmt.Sprintf("首个关键帧等了 %d 秒，请在摄像机上缩短关键帧间隔", n), fmt.Sprintf("the first keyframe took %d s; shorten the camera's keyframe interval", n)}
	case f.Delivered > 0 && f.Delivered < slowShare:
		n := int(f.Delivered * 100)
		return Late, Text{fmt.Sprintf("画面来得太慢：每秒只到 %d%% 的画面，线路或摄像机过载", n), fmt.Sprintf("pictures come too slowly: %d%% of each second arrives in it; line or camera is overloaded", n)}
	case f.Clock != nil && f.Clock.Abs() > wrongClock:
		zh, en := "快", "ahead"
		if *f.Clock < 0 {
			zh, en = "慢", "behind"
		}
		off := f.Clock.Abs().Round(time.Second)
		return Late, Text{fmt.Sprintf("摄像机时钟%s %s，画面上的时间不可作证", zh, off), fmt.Sprintf("the camera's clock is %s %s; the time in its pictures proves nothing", off, en)}
	}
	return Online, Text{}
}
