package cameras

import (
	"context"
	"fmt"
	"time"

	"gridwall/streams"
	"gridwall/streams/rtsp"
)

// Test looks at a camera's pictures, main stream and sub-stream, and says what it found. A camera that is good again is
// tried again at once. It takes as long as streams.Config.LookFor for each.
func (r *Room) Test(ctx context.Context, id string, secret bool) (*Test, error) {
	c, err := r.Get(id, secret)
	if err != nil {
		return nil, err
	}
	switch {
	case c.locked:
		return &Test{State: streams.AuthFailed, Lines: []Text{sealedAway}, Advice: []Text{}}, nil
	case c.stream.url == "":
		return &Test{State: streams.Unknown, Lines: []Text{{"没有填写取流地址", "it has no stream address"}}, Advice: []Text{}}, nil
	}
	found, state, reason := r.hub.Examine(ctx, string(c.stream.url))
	t := tell(found, state, reason)
	if c.stream.sub != "" {
		sub, subState, subReason := r.hub.Examine(ctx, string(c.stream.sub))
		if sub == nil {
			t.Lines = append(t.Lines, Text{"子码流：" + subState.Text().Zh + "，" + subReason.Zh, "sub-stream: " + subState.Text().En + ", " + subReason.En})
		} else {
			line := picture(sub)
			t.Lines = append(t.Lines, Text{"子码流：" + line.ZH, "sub-stream: " + line.EN})
		}
		if sub != nil && found != nil && sub.Codec == "H.264" && found.Codec == "H.265" {
			t.Advice = nil // the sub-stream plays where the main one does not
		}
	}
	if t.Advice == nil {
		t.Advice = []Text{}
	}
	if found != nil && !c.State.Up() && c.enabled {
		_ = r.hub.Retry(id) // removed meanwhile: then there is nothing to try
	}
	return t, nil
}

// picture says what the pictures are.
func picture(f *rtsp.Found) Text {
	rate := fmt.Sprintf("%.0f kbit/s", f.BitsPerSecond/1000)
	if f.BitsPerSecond >= 1e6 {
		rate = fmt.Sprintf("%.1f Mbit/s", f.BitsPerSecond/1e6)
	}
	zh, en := fmt.Sprintf("%s，%d×%d", f.Codec, f.Width, f.Height), fmt.Sprintf("%s, %d×%d", f.Codec, f.Width, f.Height)
	if f.FPS > 0 {
		zh, en = fmt.Sprintf("%s，%.3g 帧/秒，%s", zh, f.FPS, rate), fmt.Sprintf("%s, %.3g frames a second, %s", en, f.FPS, rate)
	}
	return Text{zh, en}
}

const (
	// longGOP is from where on a keyframe is late for those who open a camera.
	longGOP = 4 * time.Second
	// offClock is from where on a clock is worth a word.
	offClock = 2 * time.Second
)

// tell puts what a look found into words.
func tell(f *rtsp.Found, state streams.State, reason streams.Text) *Test {
	t := &Test{State: state, Good: state.Up() && reason.Zh == "", Lines: []Text{}}
	if f == nil {
		t.Lines = append(t.Lines, Text{state.Text().Zh + "：" + reason.Zh, state.Text().En + ": " + reason.En})
		return t
	}
	t.Facts = &Facts{Codec: f.Codec, Width: f.Width, Height: f.Height, FPS: f.FPS, BitsPerSecond: f.BitsPerSecond, GOP: f.GOP, GOPSeconds: f.GOPTime.Seconds(), Audio: f.Audio,
		AnsweredS: f.Answered.Seconds(), FirstPictureS: f.FirstPicture.Seconds()}
	t.Lines = append(t.Lines, picture(f))
	switch {
	case f.GOP == 0:
		t.Lines = append(t.Lines, Text{"检测期间只收到一个关键帧", "only one keyframe came while it was looked at"})
	default:
		t.Lines = append(t.Lines, Text{fmt.Sprintf("每 %d 帧（%.1f 秒）一个关键帧", f.GOP, f.GOPTime.Seconds()), fmt.Sprintf("a keyframe every %d frames (%.1f s)", f.GOP, f.GOPTime.Seconds())})
	}
	switch {
	case f.Audio == "":
		t.Lines = append(t.Lines, Text{"没有声音（或编码不支持）", "no sound (or none that is supported)"})
	default:
		t.Lines = append(t.Lines, Text{fmt.Sprintf("声音 %s，%.3g kHz", f.Audio, float64(f.AudioRate)/1000), fmt.Sprintf("sound %s, %.3g kHz", f.Audio, float64(f.AudioRate)/1000)})
	}
	t.Lines = append(t.Lines, clockLine(f, t.Facts),
		Text{fmt.Sprintf("%.2f 秒应答，再过 %.2f 秒出第一幅画面", f.Answered.Seconds(), f.FirstPicture.Seconds()), fmt.Sprintf("answered in %.2f s, first picture %.2f s later", f.Answered.Seconds(), f.FirstPicture.Seconds())})
	if reason.Zh != "" {
		t.Advice = append(t.Advice, Text{reason.Zh, reason.En})
	}
	if f.GOPTime > longGOP || f.GOP == 0 {
		t.Advice = append(t.Advice, Text{"关键帧间隔偏长：设为 1 至 2 秒，打开更快", "keyframes are far apart: 1 to 2 s opens faster"})
	}
	if f.Codec == "H.265" {
		t.Advice = append(t.Advice, Text{"H.265 并非所有浏览器都能解码：请配置 H.264 子码流", "not every browser decodes H.265: set up a sub-stream in H.264"})
	}
	if f.BFrames {
		t.Advice = append(t.Advice, Text{"含 B 帧：WebRTC 不能播放，将改用 MSE", "it has B-frames: not for WebRTC, MSE is used instead"})
	}
	return t
}

func clockLine(f *rtsp.Found, facts *Facts) Text {
	if f.Clock == nil {
		return Text{"摄像机未报告时间", "the camera did not tell its time"}
	}
	ahead := f.Clock.Seconds()
	facts.ClockAheadS = &ahead
	from := map[string]Text{"rtcp": {"RTCP", "RTCP"}, "date": {"应答报文，精确到秒", "its answer, whole seconds"}}[f.ClockFrom]
	off := f.Clock.Abs().Round(100 * time.Millisecond)
	switch {
	case off < offClock:
		return Text{"时钟准确（" + from.ZH + "）", "its clock is right (" + from.EN + ")"}
	case ahead > 0:
		return Text{fmt.Sprintf("时钟快 %s（%s）", off, from.ZH), fmt.Sprintf("its clock is %s ahead (%s)", off, from.EN)}
	}
	return Text{fmt.Sprintf("时钟慢 %s（%s）", off, from.ZH), fmt.Sprintf("its clock is %s behind (%s)", off, from.EN)}
}
