package streamtest

import (
	"fmt"
	"math"
	"time"

	"gridwall/streams/streamtest/osd"
)

// show is what a camera's lens sees, picture by picture: the clip of the hour, and in its strip the sky of
// that clip with the camera's name and the time.
type show struct {
	camera *camera
	clip   *clip
	at     int
	name   string
	second int64      // that is in the picture
	aim    string     // likewise
	shown  *osd.Image // what the strip holds now
}

func newShow(c *camera) *show { return &show{camera: c} }

// next returns the NAL units of the next picture; an IDR picture begins with its parameter sets.
func (s *show) next(now time.Time) ([][]byte, error) {
	if s.clip == nil || s.at == len(s.clip.pictures) {
		name := s.camera.clipName(now)
		clip, err := s.camera.server.library.clip(name)
		if err != nil {
			return nil, err
		}
		if name != s.name {
			s.name, s.second = name, 0
		}
		s.clip, s.at = clip, 0
	}
	p := s.clip.pictures[s.at]
	s.at++

	var before *osd.Image // what changes in a picture that is no IDR
	strip := s.shown
	if second, aim := now.Unix(), s.camera.aim(); second != s.second || aim != s.aim || strip == nil {
		s.aim = aim
		strip = s.text(now)
		before, s.shown, s.second = s.shown, strip, second
	}
	nalus := make([][]byte, 0, len(p.slices)+3)
	if p.idr {
		nalus = append(nalus, s.clip.sps, s.clip.pps)
	}
	nalus = append(nalus, s.clip.parameters.Slice(p.header, strip, before))
	return append(nalus, p.slices...), nil
}

// aim is where the head looks, in whole degrees right and up, and the zoom in hundredths; empty without a head.
func (c *camera) aim() string {
	if c.head == nil {
		return ""
	}
	at, _ := c.head.At()
	return fmt.Sprintf("%d %d %d ", int(math.Round(at.Pan)), int(math.Round(at.Tilt)), int(math.Round(at.Zoom*100)))
}

const margin = 10 // pixels left and right of the text

// text makes the strip: the name on the left, as much of it as there is room for, where the head looks and the clock on the right.
func (s *show) text(now time.Time) *osd.Image {
	strip := s.clip.sky.Clone()
	font := s.camera.server.font
	clock := s.aim + now.In(s.camera.server.config.Location).Format("2006-01-02 15:04:05")
	at := osd.Width - margin - font.Width(clock)
	strip.Draw(font, at, clock)
	name := []rune(s.camera.Name)
	for len(name) > 0 && margin+font.Width(string(name)) > at-margin {
		name = name[:len(name)-1]
	}
	strip.Draw(font, margin, string(name))
	return strip
}
