package rtsp

import (
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/sdpunmarshaler"
	"github.com/deepch/vdk/av"
	"github.com/pion/rtp"
)

// Parameter sets and slice beginnings of x265 for 320 x 180 main.
var (
	vps265 = []byte{0x40, 0x01, 0x0c, 0x01, 0xff, 0xff, 0x01, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x3c, 0x95, 0x98, 0x09}
	sps265 = []byte{0x42, 0x01, 0x01, 0x01, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x3c, 0xa0, 0x0a, 0x08, 0x0b, 0x9f, 0x79, 0x65, 0x66, 0x92, 0x4c, 0xaf, 0x01, 0x01, 0, 0, 3, 0, 1, 0, 0, 3, 0, 0x19, 0x08}
	pps265 = []byte{0x44, 0x01, 0xc1, 0x72, 0xb4, 0x22, 0x40}
	idr265 = []byte{0x26, 0x01, 0xaf, 0x0d, 0x40, 0x11}
	cra265 = []byte{0x2a, 0x01, 0xaf, 0x0d, 0x40, 0x11}
	sub265 = []byte{0x02, 0x01, 0xd0, 0x09, 0x7e, 0x10}
)

func listen265() (*heard, *units) {
	h, u := listen()
	return h, newUnits(u.source, &hevc)
}

func TestH265BeginsAtAKeyframeWithoutThePicturesThatLeadIt(t *testing.T) {
	h, u := listen265()
	u.write([][]byte{sub265}, 0, whole)
	u.write([][]byte{{0x46, 0x01, 0x50}, vps265, sps265, pps265, idr265}, 3600, whole)
	u.write([][]byte{{0x10, 0x01, 0xd0}}, 5400, whole) // needs what never came
	if h.codecs != 1 || len(h.packets) != 1 || !h.packets[0].IsKeyFrame {
		t.Errorf("%d codecs, %d packets", h.codecs, len(h.packets))
	}
}

func TestAKeyframeThatLostAPartIsNotShown(t *testing.T) {
	h, u := listen()
	u.write([][]byte{sps, pps, idr}, 3600, torn)
	u.write([][]byte{sub}, 7200, whole)
	u.write([][]byte{idr}, 10800, before)
	if len(h.packets) != 1 || h.packets[0].Time != 120*time.Millisecond {
		t.Errorf("%d packets", len(h.packets))
	}
}

func TestALossIsToldByTheNumbersOfPackets(t *testing.T) {
	for _, tc := range []struct {
		name    string
		packets [][3]int // number, time stamp, marker
		want    loss
	}{
		{"none, over the wrap", [][3]int{{65535, 1, 1}, {0, 2, 0}, {1, 2, 1}}, whole},
		{"between pictures", [][3]int{{1, 1, 1}, {3, 3, 1}}, before},
		{"the end of one", [][3]int{{1, 1, 0}, {3, 2, 1}}, torn},
		{"the middle of one", [][3]int{{1, 1, 1}, {2, 2, 0}, {4, 2, 1}}, torn},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var f follow
			for _, p := range tc.packets {
				f.see(uint16(p[0]), uint32(p[1]), p[2] == 1)
			}
			if got := f.take(); got != tc.want {
				t.Errorf("got %d, want %d", got, tc.want)
			}
		})
	}
}

func FuzzUnits265(f *testing.F) {
	f.Add(vps265, sps265, pps265, idr265, int64(3600))
	f.Add(vps265, sps265, pps265, cra265, int64(-1))
	f.Add([]byte{0x40, 1}, []byte{0x42, 1}, []byte{0x44}, sub265, int64(1)<<60)
	f.Fuzz(func(t *testing.T, a, b, c, d []byte, pts int64) {
		h, u := listen265()
		for _, shift := range []int64{0, 3600, -3600, 1 << 40} {
			u.write([][]byte{a, b, c, d}, pts/4+shift, whole)
			u.write([][]byte{d, sub265, c}, pts/4+shift+1, before)
		}
		for _, p := range h.packets {
			if len(p.Data) > 4*4+len(a)+len(b)+len(c)+len(d)+len(sub265) {
				t.Fatalf("packet of %d bytes", len(p.Data))
			}
		}
	})
}

// FuzzDescription gives hostile descriptions to what chooses from them, and RTP to what it chose.
func FuzzDescription(f *testing.F) {
	const head = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\n"
	f.Add(head+"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0LAHtoCgL/lwEQAAAMABAAAAwDIPFi6gA==,aM4PyA==\r\na=control:trackID=0\r\n", []byte{0x65, 0x88, 0x84})
	f.Add(head+"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\na=fmtp:96 sprop-vps=QAEMAf//AWAAAAMAkAAAAwAAAwA8lZgJ; sprop-sps=QgEB; sprop-pps=RAHBcrQiQA==\r\n", []byte{0x62, 0x01, 0x93, 1, 2, 3})
	f.Add(head+"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\nm=audio 0 RTP/AVP 97\r\na=rtpmap:97 mpeg4-generic/48000/1\r\na=fmtp:97 profile-level-id=1; mode=AAC-hbr; sizelength=13; indexlength=3; indexdeltalength=3; config=1188\r\n", []byte{0, 16, 0, 8, 1})
	f.Add(head+"m=audio 0 RTP/AVP 8\r\nm=audio 0 RTP/AVP 0\r\na=sendonly\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n", []byte{0x1c, 0x85, 1})
	f.Fuzz(func(t *testing.T, text string, payload []byte) {
		desc, err := sdpunmarshaler.Unmarshal([]byte(text))
		if err != nil {
			return
		}
		var session description.Session
		if session.Unmarshal2(desc) != nil {
			return
		}
		packets := 0
		source := &Source{OnPacket: func(av.Packet) { packets++ }}
		if sound := chooseSound(&session); sound != nil {
			if sound.media.IsBackChannel {
				t.Fatal("a back channel was chosen")
			}
			for marker := range 2 {
				frames, err := sound.decode(&rtp.Packet{Header: rtp.Header{Version: 2, Marker: marker == 1}, Payload: payload})
				for _, data := range frames {
					if lasts, derr := sound.codec.PacketDuration(data); err == nil && derr == nil && lasts < 0 {
						t.Fatalf("sound of %v", lasts)
					}
				}
			}
		}
		video, err := chooseVideo(&session)
		if err != nil {
			return
		}
		if _, ok := video.format.(*format.H264); !ok {
			if _, ok := video.format.(*format.H265); !ok {
				t.Fatalf("chose %T", video.format)
			}
		}
		u := newUnits(source, video.syntax)
		u.parameters(video.sets...)
		for n := range 4 {
			if nalus, err := video.decode(&rtp.Packet{Header: rtp.Header{Version: 2, Marker: n%2 == 1, SequenceNumber: uint16(n), Timestamp: uint32(n / 2)}, Payload: payload}); err == nil {
				u.write(nalus, int64(n), whole)
			}
		}
	})
}
