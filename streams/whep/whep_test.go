package whep_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"gridwall/streams"
	"gridwall/streams/streamtest"
	"gridwall/streams/whep"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type stage struct {
	room   *streamtest.Server
	hub    *streams.Hub
	server *whep.Server
}

func play(t *testing.T) stage {
	t.Helper()
	room, err := streamtest.New(streamtest.Config{
		Cameras: []streamtest.Camera{{ID: "C001", Name: "永来城西门", Scene: "street"}},
		Clips:   os.DirFS("../../assets/demo"),
	})
	if err != nil {
		t.Fatal(err)
	}
	hub := streams.New(streams.Config{Sweep: -1})
	hub.Set([]streams.Camera{{ID: "C001", URL: room.URL("C001")}})
	server, err := whep.New(whep.Config{Hub: hub, Sessions: 2})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 3)
	go func() { done <- room.Run(ctx) }()
	go func() { done <- hub.Run(ctx) }()
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		for range 3 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
	return stage{room, hub, server}
}

// browser is a receiver as a browser would be: one recvonly video.
type browser struct {
	pc      *webrtc.PeerConnection
	packets chan *rtp.Packet
}

func newBrowser(t *testing.T, fmtps ...string) *browser {
	t.Helper()
	var media webrtc.MediaEngine
	for i, fmtp := range fmtps {
		err := media.RegisterCodec(webrtc.RTPCodecParameters{
			PayloadType: webrtc.PayloadType(102 + i),
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: webrtc.MimeTypeH264, ClockRate: 90000, SDPFmtpLine: fmtp,
				RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}},
			},
		}, webrtc.RTPCodecTypeVideo)
		if err != nil {
			t.Fatal(err)
		}
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(&media), webrtc.WithSettingEngine(settings)).
		NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{pc: pc, packets: make(chan *rtp.Packet, 4096)}
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			p, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			select {
			case b.packets <- p:
			default:
			}
		}
	})
	t.Cleanup(func() { _ = pc.GracefulClose() })
	return b
}

func (b *browser) offer(t *testing.T) string {
	t.Helper()
	if _, err := b.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo,
		webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	offer, err := b.pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(b.pc)
	if err := b.pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	return b.pc.LocalDescription().SDP
}

func (b *browser) accept(t *testing.T, sdp string) {
	t.Helper()
	if err := b.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: sdp}); err != nil {
		t.Fatal(err)
	}
}

func (b *browser) next(t *testing.T) *rtp.Packet {
	t.Helper()
	select {
	case p := <-b.packets:
		return p
	case <-time.After(10 * time.Second):
		t.Fatal("no RTP for 10 s")
		return nil
	}
}

const (
	constrained = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
	mode0       = "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f"
	high        = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f"
)

// isParameters tells whether a payload is a STAP-A that begins with an SPS.
func isParameters(payload []byte) bool {
	return len(payload) > 3 && payload[0]&0x1f == 24 && payload[3]&0x1f == 7
}

func TestABrowserGetsTheCachedPicturesAtOnceAndThenLiveOnes(t *testing.T) {
	s := play(t)
	warm, err := s.hub.Open("C001")
	if err != nil {
		t.Fatal(err)
	}
	defer warm.Close()
	for range 12 { // of the 50 of a group: there is something cached, and there still is after connecting
		if _, err := warm.Next(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	b := newBrowser(t, constrained, mode0, high)
	answer, err := s.server.Play(context.Background(), "C001", b.offer(t))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(answer.SDP, "a=ice-lite") || strings.Contains(answer.SDP, "packetization-mode=0") {
		t.Errorf("answer:\n%s", answer.SDP)
	}
	b.accept(t, answer.SDP)
	first := b.next(t)
	if !isParameters(first.Payload) {
		t.Errorf("first packet is %x, not the parameter sets", first.Payload[:4])
	}
	// The cached pictures come a millisecond of RTP time apart, the live ones 40 ms.
	sequence, stamp := first.SequenceNumber, first.Timestamp
	squeezed, live := 0, 0
	for live < 25 {
		p := b.next(t)
		if p.SequenceNumber != sequence+1 {
			t.Fatalf("packet %d after %d", p.SequenceNumber, sequence)
		}
		sequence = p.SequenceNumber
		switch step := p.Timestamp - stamp; {
		case step == 0:
		case step == 90 && live == 0:
			squeezed++
		case step > 2000 && step < 8000:
			live++
		default:
			t.Fatalf("time stamp steps by %d after %d cached and %d live pictures", step, squeezed, live)
		}
		stamp = p.Timestamp
	}
	if squeezed < 5 {
		t.Errorf("only %d cached pictures", squeezed)
	}
	if err := s.server.End("C001", answer.Session); err != nil {
		t.Error(err)
	}
	if err := s.server.End("C002", answer.Session); !errors.Is(err, whep.ErrNoSession) {
		t.Errorf("another camera's DELETE: %v", err)
	}
}

func TestAReconnectOfTheCameraIsNoBreakForTheBrowser(t *testing.T) {
	s := play(t)
	b := newBrowser(t, constrained)
	answer, err := s.server.Play(context.Background(), "C001", b.offer(t))
	if err != nil {
		t.Fatal(err)
	}
	b.accept(t, answer.SDP)
	last := b.next(t)
	_ = s.room.Reboot("C001", 100*time.Millisecond)
	parameters := 0
	for parameters < 2 { // of the time before and of the time after
		p := b.next(t)
		if p.SequenceNumber != last.SequenceNumber+1 || p.Timestamp-last.Timestamp > 90000 {
			t.Fatalf("sequence %d after %d, time stamp %d after %d",
				p.SequenceNumber, last.SequenceNumber, p.Timestamp, last.Timestamp)
		}
		if isParameters(p.Payload) {
			parameters++
		}
		last = p
	}
}

func TestABrowserThatLostItsWayGetsAKeyframeWithinASecond(t *testing.T) {
	s := play(t)
	b := newBrowser(t, constrained)
	answer, err := s.server.Play(context.Background(), "C001", b.offer(t))
	if err != nil {
		t.Fatal(err)
	}
	b.accept(t, answer.SDP)
	ssrc := b.next(t).SSRC
	repeated := false
	stamp := uint32(0)
	deadline := time.After(10 * time.Second)
	ask := time.NewTicker(100 * time.Millisecond)
	defer ask.Stop()
	for !repeated {
		select {
		case <-deadline:
			t.Fatal("no keyframe for a PLI")
		case <-ask.C:
			_ = b.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: ssrc}})
		case p := <-b.packets:
			repeated = isParameters(p.Payload) && stamp != 0 && p.Timestamp-stamp == 90
			stamp = p.Timestamp
		}
	}
}

func TestOffersThatCannotBeServed(t *testing.T) {
	s := play(t)
	good := newBrowser(t, constrained).offer(t)
	for _, tc := range []struct {
		name, camera, offer string
		status              int
	}{
		{"unknown camera", "C999", good, http.StatusNotFound},
		{"not SDP", "C001", "hello", http.StatusBadRequest},
		{"empty", "C001", "", http.StatusBadRequest},
		{"too long", "C001", strings.Repeat("v=0\r\n", 20000), http.StatusBadRequest},
		{"audio only", "C001", strings.Replace(good, "m=video", "m=audio", 1), http.StatusBadRequest},
		{"sends itself", "C001", strings.Replace(good, "a=recvonly", "a=sendonly", 1), http.StatusBadRequest},
		{"only VP8", "C001", strings.ReplaceAll(good, "H264/90000", "VP8/90000"), http.StatusUnsupportedMediaType},
		{"only packetization mode 0", "C001", newBrowser(t, mode0).offer(t), http.StatusUnsupportedMediaType},
		{"no ICE", "C001", strings.ReplaceAll(good, "a=ice-", "a=x-"), http.StatusBadRequest},
		{"no fingerprint", "C001", strings.ReplaceAll(good, "a=fingerprint:", "a=x:"), http.StatusBadRequest},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := s.server.Play(context.Background(), tc.camera, tc.offer)
			status, code, text := whep.Problem(err)
			if status != tc.status || code == "" || text.Zh == "" || text.En == "" {
				t.Errorf("%d %s %v for %v, want %d", status, code, text, err, tc.status)
			}
		})
	}
}

func TestADarkCameraIsRefusedWithTheReason(t *testing.T) {
	s := play(t)
	_ = s.room.SetFault("C001", streamtest.OtherCodec)
	_, err := s.server.Play(context.Background(), "C001", newBrowser(t, constrained).offer(t))
	status, code, text := whep.Problem(err)
	if status != http.StatusServiceUnavailable || code != "camera_wrong_codec" || !strings.Contains(text.Zh, "MP4V-ES") {
		t.Errorf("%d %s %v", status, code, text)
	}
}

func TestTheServerIsFullAtItsBound(t *testing.T) {
	s := play(t)
	for range 2 {
		if _, err := s.server.Play(context.Background(), "C001", newBrowser(t, constrained).offer(t)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.server.Play(context.Background(), "C001", newBrowser(t, constrained).offer(t)); !errors.Is(err, whep.ErrBusy) {
		t.Errorf("third of two sessions: %v", err)
	}
}

func FuzzPlay(f *testing.F) {
	f.Add("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 102\r\nc=IN IP4 0.0.0.0\r\n" +
		"a=rtpmap:102 H264/90000\r\na=fmtp:102 packetization-mode=1;profile-level-id=42e01f\r\na=recvonly\r\n")
	f.Add("v=0\r\nm=video 0 x 0\r\n")
	server, err := whep.New(whep.Config{Hub: streams.New(streams.Config{})})
	if err != nil {
		f.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	f.Cleanup(func() { cancel(); <-done })
	f.Fuzz(func(t *testing.T, offer string) {
		_, err := server.Play(context.Background(), "C001", offer)
		if err == nil {
			t.Fatal("an offer for no camera was answered")
		}
		if status, _, _ := whep.Problem(err); status >= 500 {
			t.Fatalf("hostile offer gives %d: %v", status, err)
		}
	})
}
