package mse

import (
	"strings"
	"testing"

	"github.com/deepch/vdk/av"
	"github.com/deepch/vdk/codec/aacparser"
	"github.com/deepch/vdk/codec/h265parser"
)

func TestTheMatrixOfATrackHasNineNumbers(t *testing.T) {
	if len(matrix) != 36 {
		t.Errorf("%d bytes", len(matrix))
	}
}

// Parameter sets of x265 for 320 x 180 main.
var (
	vps = []byte{0x40, 0x01, 0x0c, 0x01, 0xff, 0xff, 0x01, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x3c, 0x95, 0x98, 0x09}
	sps = []byte{0x42, 0x01, 0x01, 0x01, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x3c, 0xa0, 0x0a, 0x08, 0x0b, 0x9f, 0x79, 0x65, 0x66, 0x92, 0x4c, 0xaf, 0x01, 0x01, 0, 0, 3, 0, 1, 0, 0, 3, 0, 0x19, 0x08}
	pps = []byte{0x44, 0x01, 0xc1, 0x72, 0xb4, 0x22, 0x40}
)

// FuzzInit makes segments of hostile parameter sets and configurations, as they come through the ingest.
func FuzzInit(f *testing.F) {
	f.Add(vps, sps, pps, []byte{0x11, 0x88})
	f.Add([]byte{0x40}, []byte{0x42, 1}, []byte{0x44}, []byte{0xff, 0xff})
	f.Fuzz(func(t *testing.T, vps, sps, pps, config []byte) {
		if len(vps) < 1 || len(sps) < 1 || len(pps) < 1 || len(vps)+len(sps)+len(pps) > 1<<12 {
			return
		}
		c := &h265parser.CodecData{RecordInfo: h265parser.AVCDecoderConfRecord{VPS: [][]byte{vps}, SPS: [][]byte{sps}, PPS: [][]byte{pps}}}
		codecs := Codecs{Video: c}
		if parsed, err := aacparser.NewCodecDataFromMPEG4AudioConfigBytes(config); err == nil {
			codecs.Sound = av.CodecData(&parsed)
		}
		mime, segment, err := codecs.Init()
		if err != nil {
			return
		}
		if !strings.HasPrefix(mime, `video/mp4; codecs="hvc1.`) {
			t.Fatalf("mime %q", mime)
		}
		if names := strings.Join(boxes(t, segment), " "); names != "ftyp moov" {
			t.Fatalf("boxes %s", names)
		}
	})
}
