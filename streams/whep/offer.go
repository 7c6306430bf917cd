package whep

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/deepch/vdk/av"
	"github.com/deepch/vdk/codec/h264parser"
	"github.com/deepch/vdk/codec/h265parser"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// maxOffer bounds an offer: Chromium's with every codec has 8 KiB.
const maxOffer = 64 << 10

var (
	// ErrBadOffer: the offer is no SDP that a receiver of video could have sent. Says what is wrong.
	ErrBadOffer = errors.New("whep: offer cannot be used")
	// ErrNoCodec: the browser and the camera have no codec in common.
	ErrNoCodec = errors.New("whep: no codec in common")
)

// profile is what of profile-level-id must fit: profile_idc and the constraint flags (RFC 6184, 8.1).
type profile [2]byte

// rank orders the profiles by what their decoders can do: constrained baseline, baseline, main, high.
// A decoder of a higher one also decodes the lower ones, baseline's rare tools aside.
func (p profile) rank() int {
	switch p[0] {
	case 66:
		if p[1]&0x40 != 0 {
			return 0
		}
		return 1
	case 77:
		return 2
	}
	return 3
}

// chooseFor takes from the offer the format that fits the camera's codec.
func chooseFor(offer string, codec av.CodecData) (webrtc.RTPCodecParameters, error) {
	switch c := codec.(type) {
	case *h264parser.CodecData:
		return choose(offer, profile{c.RecordInfo.AVCProfileIndication, c.RecordInfo.ProfileCompatibility})
	case *h265parser.CodecData:
		return chooseH265(offer)
	}
	return webrtc.RTPCodecParameters{}, fmt.Errorf("%w: %v", ErrNoCodec, codec.Type())
}

// chooseH265 takes the first H.265 format (RFC 7798) of the offer, which few browsers make.
func chooseH265(offer string) (webrtc.RTPCodecParameters, error) {
	media, err := videoOf(offer)
	if err != nil {
		return webrtc.RTPCodecParameters{}, err
	}
	if list := formats(media, "H265/90000"); len(list) > 0 {
		return list[0].parameters(webrtc.MimeTypeH265), nil
	}
	return webrtc.RTPCodecParameters{}, fmt.Errorf("%w: the camera sends H.265, the offer has none", ErrNoCodec)
}

// videoOf reads the offer's first video that wants to receive.
func videoOf(offer string) (*sdp.MediaDescription, error) {
	if len(offer) > maxOffer {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrBadOffer, len(offer), maxOffer)
	}
	var desc sdp.SessionDescription
	if err := desc.UnmarshalString(offer); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrBadOffer, err)
	}
	for _, media := range desc.MediaDescriptions {
		if media.MediaName.Media != "video" || media.MediaName.Port.Value == 0 {
			continue
		}
		if _, sendonly := media.Attribute("sendonly"); sendonly {
			return nil, fmt.Errorf("%w: the video is sendonly, this server only sends", ErrBadOffer)
		}
		return media, nil
	}
	return nil, fmt.Errorf("%w: no video in it", ErrBadOffer)
}

// choose takes from the offer the H.264 format (packetization mode 1) that fits the stream best: its own
// profile, else the lowest above it, else the highest below it: browsers offer constrained baseline alone
// and decode high all the same.
func choose(offer string, stream profile) (webrtc.RTPCodecParameters, error) {
	var none webrtc.RTPCodecParameters
	media, err := videoOf(offer)
	if err != nil {
		return none, err
	}
	best, bestScore := none, 0
	for _, f := range formats(media, "H264/90000") {
		if f.mode != "1" {
			continue
		}
		if score := f.score(stream); best.PayloadType == 0 || score < bestScore {
			best, bestScore = f.parameters(webrtc.MimeTypeH264), score
		}
	}
	if best.PayloadType == 0 {
		return none, fmt.Errorf("%w: the camera sends H.264, the offer has none with packetization-mode=1", ErrNoCodec)
	}
	return best, nil
}

// offered is one format of an offer.
type offered struct {
	mode        string // packetization mode of H.264
	payloadType uint8
	fmtp        string
	profile     profile
}

// formats lists the formats of media with this rtpmap.
func formats(media *sdp.MediaDescription, rtpmap string) []offered {
	of := make(map[string]bool)
	fmtp := make(map[string]string)
	for _, a := range media.Attributes {
		pt, value, ok := strings.Cut(a.Value, " ")
		if !ok {
			continue
		}
		switch a.Key {
		case "rtpmap":
			of[pt] = strings.EqualFold(value, rtpmap)
		case "fmtp":
			fmtp[pt] = value
		}
	}
	var list []offered
	for _, pt := range media.MediaName.Formats {
		n, err := strconv.ParseUint(pt, 10, 7)
		if err != nil || n == 0 || !of[pt] {
			continue
		}
		f := offered{payloadType: uint8(n), fmtp: fmtp[pt], profile: profile{66, 0}} // the default of RFC 6184
		for parameter := range strings.SplitSeq(f.fmtp, ";") {
			key, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
			switch strings.ToLower(key) {
			case "packetization-mode":
				f.mode = value
			case "profile-level-id":
				if id, err := strconv.ParseUint(value, 16, 24); err == nil {
					f.profile = profile{byte(id >> 16), byte(id >> 8)}
				}
			}
		}
		list = append(list, f)
	}
	return list
}

// score is 0 for the stream's own profile, then rises: those above it, nearest first, then those below.
func (f offered) score(stream profile) int {
	d := f.profile.rank() - stream.rank()
	switch {
	case f.profile == stream:
		return 0
	case d >= 0:
		return 1 + d
	}
	return 10 - d
}

func (f offered) parameters(mime string) webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{
		PayloadType: webrtc.PayloadType(f.payloadType),
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType:     mime,
			ClockRate:    90000,
			SDPFmtpLine:  f.fmtp,
			RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}},
		},
	}
}
