package streamtest

import "time"

// show is what a camera's lens sees, picture by picture.
type show struct {
	camera *camera
	clip   *clip
	at     int
}

func newShow(c *camera) *show { return &show{camera: c} }

// next returns the NAL units of the next picture; an IDR picture begins with its parameter sets.
func (s *show) next(now time.Time) ([][]byte, error) {
	if s.clip == nil || s.at == len(s.clip.pictures) {
		clip, err := s.camera.server.library.clip(s.camera.clipName(now))
		if err != nil {
			return nil, err
		}
		s.clip, s.at = clip, 0
	}
	p := s.clip.pictures[s.at]
	s.at++
	if p.idr {
		return append([][]byte{s.clip.sps, s.clip.pps}, p.nalus...), nil
	}
	return p.nalus, nil
}
