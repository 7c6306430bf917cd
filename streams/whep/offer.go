package whep

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

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

// choose takes from the offer the H.264 format (packetization mode 1) that fits the stream best: its own
// profile, else the lowest above it, else the highest below it: browsers offer constrained baseline alone
// and decode high all the same.
func choose(offer string, stream profile) (webrtc.RTPCodecParameters, error) {
	var none webrtc.RTPCodecParameters
	if len(offer) > maxOffer {
		return none, fmt.Errorf("%w: %d bytes, at most %d", ErrBadOffer, len(offer), maxOffer)
	}
	var desc sdp.SessionDescription
	if err := desc.UnmarshalString(offer); err != nil {
		return none, fmt.Errorf("%w: %v", ErrBadOffer, err)
	}
	best, bestScore, video := none, 0, false
	for _, media := range desc.MediaDescriptions {
		if media.MediaName.Media != "video" || media.MediaName.Port.Value == 0 {
			continue
		}
		video = true
		if _, sendonly := media.Attribute("sendonly"); sendonly {
			return none, fmt.Errorf("%w: the video is sendonly, this server only sends", ErrBadOffer)
		}
		for _, f := range formats(media) {
			if score := f.score(stream); best.PayloadType == 0 || score < bestScore {
				best, bestScore = f.parameters(), score
			}
		}
	}
	switch {
	case !video:
		return none, fmt.Errorf("%w: no video in it", ErrBadOffer)
	case best.PayloadType == 0:
		return none, fmt.Errorf("%w: the camera sends H.264, the offer has none with packetization-mode=1", ErrNoCodec)
	}
	return best, nil
}

// offered is one H.264 format of an offer.
type offered struct {
	payloadType uint8
	fmtp        string
	profile     profile
}

// formats lists the H.264 formats of media with packetization mode 1.
func formats(media *sdp.MediaDescription) []offered {
	h264 := make(map[string]bool)
	fmtp := make(map[string]string)
	for _, a := range media.Attributes {
		pt, value, ok := strings.Cut(a.Value, " ")
		if !ok {
			continue
		}
		switch a.Key {
		case "rtpmap":
			h264[pt] = strings.EqualFold(value, "H264/90000")
		case "fmtp":
			fmtp[pt] = value
		}
	}
	var list []offered
	for _, pt := range media.MediaName.Formats {
		n, err := strconv.ParseUint(pt, 10, 7)
		if err != nil || n == 0 || !h264[pt] {
			continue
		}
		f := offered{payloadType: uint8(n), fmtp: fmtp[pt], profile: profile{66, 0}} // the default of RFC 6184
		mode := ""
		for parameter := range strings.SplitSeq(f.fmtp, ";") {
			key, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
			switch strings.ToLower(key) {
			case "packetization-mode":
				mode = value
			case "profile-level-id":
				if id, err := strconv.ParseUint(value, 16, 24); err == nil {
					f.profile = profile{byte(id >> 16), byte(id >> 8)}
				}
			}
		}
		if mode == "1" {
			list = append(list, f)
		}
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

func (f offered) parameters() webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{
		PayloadType: webrtc.PayloadType(f.payloadType),
		RTPCodecCapability: webrtc.RTPCodecCapability{
			MimeType:     webrtc.MimeTypeH264,
			ClockRate:    90000,
			SDPFmtpLine:  f.fmtp,
			RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}},
		},
	}
}
