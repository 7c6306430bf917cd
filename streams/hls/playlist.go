package hls

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"
)

// playlist writes the media playlist once the position is there.
func (f *movie) playlist(ctx context.Context, at position) (string, error) {
	if err := f.await(ctx, at); err != nil {
		return "", err
	}
	defer f.mu.Unlock()
	whole := len(f.segments)
	if f.current() != nil {
		whole--
	}
	from := max(whole-listed, 0)
	target, breaks := least, f.breaks
	for i, s := range f.segments {
		target = max(target, s.duration)
		if i < from && s.discontinuity {
			breaks++
		}
	}
	longest := partLength
	for _, s := range f.segments[from:] {
		for _, p := range s.parts {
			longest = max(longest, p.duration)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:%d\n", int(math.Round(target.Seconds())))
	fmt.Fprintf(&b, "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=%.3f\n#EXT-X-PART-INF:PART-TARGET=%.3f\n", 3*longest.Seconds(), longest.Seconds())
	fmt.Fprintf(&b, "#EXT-X-MEDIA-SEQUENCE:%d\n#EXT-X-DISCONTINUITY-SEQUENCE:%d\n", f.first+from, breaks)
	init := -1
	for i, s := range f.segments[from:] {
		n := from + i
		if s.discontinuity && i > 0 {
			b.WriteString("#EXT-X-DISCONTINUITY\n")
		}
		if s.init != init {
			init = s.init
			fmt.Fprintf(&b, "#EXT-X-MAP:URI=\"init-%d.mp4\"\n", init)
		}
		if i == 0 {
			fmt.Fprintf(&b, "#EXT-X-PROGRAM-DATE-TIME:%s\n", s.at.UTC().Format("2006-01-02T15:04:05.000Z"))
		}
		if n >= whole-withParts {
			f.parts(&b, f.first+n, s)
		}
		if s.whole {
			fmt.Fprintf(&b, "#EXTINF:%s,\nseg-%d.m4s\n", seconds(s.duration), f.first+n)
		}
	}
	next := position{f.first + len(f.segments), 0}
	if s := f.current(); s != nil {
		next = position{f.first + len(f.segments) - 1, len(s.parts)}
	}
	fmt.Fprintf(&b, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"seg-%d.%d.m4s\"\n", next.segment, next.part)
	return b.String(), nil
}

func (f *movie) parts(b *strings.Builder, n int, s *segment) {
	for i, p := range s.parts {
		independent := ""
		if p.independent {
			independent = ",INDEPENDENT=YES"
		}
		fmt.Fprintf(b, "#EXT-X-PART:DURATION=%s,URI=\"seg-%d.%d.m4s\"%s\n", seconds(p.duration), n, i, independent)
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.5f", d.Seconds()) }
