package whep

import (
	"context"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"

	"gridwall/streams"
)

// FuzzNegotiate gives hostile offers to the whole negotiation, as if the camera were there.
func FuzzNegotiate(f *testing.F) {
	good := strings.Join([]string{
		"v=0", "o=- 4 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0", "a=msid-semantic: WMS",
		"m=video 9 UDP/TLS/RTP/SAVPF 102 103", "c=IN IP4 0.0.0.0", "a=rtcp:9 IN IP4 0.0.0.0",
		"a=ice-ufrag:abcd", "a=ice-pwd:abcdefghijklmnopqrstuvwx", "a=ice-options:trickle",
		"a=fingerprint:sha-256 " + strings.Repeat("AB:", 31) + "AB", "a=setup:actpass", "a=mid:0", "a=recvonly",
		"a=rtcp-mux", "a=rtcp-rsize", "a=rtpmap:102 H264/90000", "a=rtcp-fb:102 nack", "a=rtcp-fb:102 nack pli",
		"a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
		"a=rtpmap:103 rtx/90000", "a=fmtp:103 apt=102", "",
	}, "\r\n")
	f.Add(good)
	f.Add(strings.Replace(good, "a=mid:0\r\n", "", 1))
	f.Add(strings.Replace(good, "102", "255", -1))
	server, err := New(Config{Hub: streams.New(streams.Config{})})
	if err != nil {
		f.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	f.Cleanup(func() { cancel(); <-done })
	f.Fuzz(func(t *testing.T, offer string) {
		codec, err := choose(offer, profile{66, 0xc0})
		if err != nil {
			return
		}
		var media webrtc.MediaEngine
		if media.RegisterCodec(codec, webrtc.RTPCodecTypeVideo) != nil {
			return
		}
		pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(&media), webrtc.WithSettingEngine(server.settings)).
			NewPeerConnection(webrtc.Configuration{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = newSession("C001", pc, nil, codec.RTPCodecCapability, offer, func(error) {})
		if offer == good && err != nil {
			t.Fatal(err)
		}
		_ = pc.GracefulClose()
	})
}

func TestTheBestFormatOfAnOfferIsChosen(t *testing.T) {
	offer := func(profiles ...string) string {
		var b strings.Builder
		b.WriteString("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 100 101 102 103\r\n")
		for i, p := range profiles {
			pt := string(rune('0' + i))
			b.WriteString("a=rtpmap:10" + pt + " H264/90000\r\na=fmtp:10" + pt + " packetization-mode=1;profile-level-id=" + p + "\r\n")
		}
		return b.String()
	}
	chromium := offer("42001f", "42e01f", "4d001f", "64001f")
	for _, tc := range []struct {
		name   string
		offer  string
		stream profile
		want   int
	}{
		{"high", chromium, profile{100, 0}, 103},
		{"main", chromium, profile{77, 0}, 102},
		{"main with a constraint flag", chromium, profile{77, 0x40}, 102},
		{"constrained baseline", chromium, profile{66, 0xe0}, 101},
		{"constrained baseline as x264 says it", chromium, profile{66, 0xc0}, 101},
		{"high for a browser that says constrained baseline only", offer("42e01f"), profile{100, 0}, 100},
		{"baseline in high", offer("64001f", "4d001f"), profile{66, 0}, 101},
	} {
		got, err := choose(tc.offer, tc.stream)
		if err != nil || int(got.PayloadType) != tc.want {
			t.Errorf("%s: %d, %v", tc.name, got.PayloadType, err)
		}
	}
}
