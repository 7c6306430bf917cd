// Package rtsp pulls H.264 or H.265 with AAC or G.711 from cameras over RTSP (RFC 2326) in one TCP connection
// (interleaved RTP), with TLS for rtsps, over UDP where the camera knows nothing else.
//
// A Source lives as long as one connection: DESCRIBE, SETUP of the video and of the sound that goes with it (never
// of a back channel), PLAY, then packets until the camera or the context ends it. It does not reconnect: the hub
// does, with its back-off. RTP becomes access units (RFC 6184, RFC 7798: single NAL units, aggregates, fragments,
// several slices a picture), the presentation time of the RTP clock becomes a decode time too (B-frames), and an
// access unit becomes an av.Packet: 4-byte lengths before each NAL unit, parameter sets and delimiters taken out.
// Parameter sets come from the description or in band, whichever is newer; a change is told before the packet that
// needs it. Frames before the first keyframe (IDR; CRA and BLA of H.265, without the pictures that lead them), and
// frames after a lost RTP packet up to the next keyframe, are left out: they would only show as grey smear.
package rtsp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph265"
	"github.com/deepch/vdk/av"
	"github.com/pion/rtp"
)

// timeout is how long one request, and silence while playing, may take.
const timeout = 10 * time.Second

// A Source is one pull of one camera. The callbacks come from one goroutine at a time and must not block:
// they stand between the camera's socket and the next frame.
type Source struct {
	URL string // rtsp://user:password@host:port/path
	Net Net

	// OnPlay is called once, when the camera has agreed to send.
	OnPlay func()
	// OnCodec is called before the first packet and whenever the parameter sets change.
	OnCodec func(av.CodecData)
	// OnSound is called once, before the first packet of sound, if the camera sends any that can be carried.
	OnSound func(av.CodecData)
	// OnPacket gets each access unit (Idx Video) and each frame of sound (Idx Sound) in decode order. Time is the
	// decode time on the camera's own clock, one for both, which may jump; Data is the caller's to keep.
	OnPacket func(av.Packet)
	// OnBytes is told of each RTP payload's size, used or not.
	OnBytes func(n int)
	// OnClock is told how far the camera's clock is ahead of ours, as often as it says so: by the Date of its answer, by
	// RTCP sender reports (then less what the network takes). nil: nobody asks.
	OnClock func(ahead time.Duration, from string)
	// OnDamage is told of each access unit that was left out because a part of it, or of one before it, was lost or broken.
	OnDamage func()

	mu sync.Mutex // over UDP each track has a goroutine of its own
}

// Net is how cameras may be reached. The zero value reaches any address and knows the system's authorities.
type Net struct {
	// Allowed says whether an address that a camera's name stands for may be dialled; it is asked of each, when it is
	// dialled. nil: any.
	Allowed func(netip.Addr) bool
	// Refused names services that are no camera, in whatever network they are: those of this server. nil: none.
	Refused func(netip.AddrPort) bool
	// TLS is for rtsps cameras; nil: the system's authorities, and the name must fit.
	TLS *tls.Config
}

// Run pulls until ctx ends (it returns ctx's cause) or the camera is lost (the reason, without credentials). A camera
// that refuses TCP (461) is asked for UDP.
func (s *Source) Run(ctx context.Context) error {
	err := s.run(ctx, gortsplib.ProtocolTCP)
	if errors.Is(err, errTransport) {
		err = s.run(ctx, gortsplib.ProtocolUDP)
	}
	return err
}

func (s *Source) run(ctx context.Context, protocol gortsplib.Protocol) error {
	client, u, err := s.Net.dial(ctx, s.URL, protocol)
	if err != nil {
		return err
	}
	defer client.Close()
	stop := context.AfterFunc(ctx, client.Close)
	defer stop()

	err = s.play(client, u)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return scrub(fmt.Errorf("pull: %w", classify(err)), s.URL)
}

func (s *Source) play(client *gortsplib.Client, u *base.URL) error {
	desc, answer, err := client.Describe(u)
	if err != nil {
		return err
	}
	if s.OnClock != nil {
		if ahead, ok := clockOfDate(answer.Header["Date"], time.Now()); ok {
			s.OnClock(ahead, clockDate)
		}
	}
	video, err := chooseVideo(desc)
	if err != nil {
		return err
	}
	if _, err := client.Setup(desc.BaseURL, video.media, 0, 0); err != nil {
		return err
	}
	units := newUnits(s, video.syntax)
	units.parameters(video.sets...)
	var follow follow
	client.OnPacketRTP(video.media, video.format, func(p *rtp.Packet) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.OnBytes != nil {
			s.OnBytes(len(p.Payload))
		}
		follow.see(p.SequenceNumber, p.Timestamp, p.Marker)
		if s.OnClock != nil && p.Marker {
			if at, ok := client.PacketNTP(video.media, p); ok {
				s.OnClock(time.Until(at), clockRTCP)
			}
		}
		pts, ok := client.PacketPTS(video.media, p)
		if !ok {
			return
		}
		nalus, err := video.decode(p)
		switch {
		case err == nil:
			units.write(nalus, pts, follow.take())
		case errors.Is(err, rtph264.ErrMorePacketsNeeded), errors.Is(err, rtph264.ErrNonStartingPacketAndNoPrevious),
			errors.Is(err, rtph265.ErrMorePacketsNeeded), errors.Is(err, rtph265.ErrNonStartingPacketAndNoPrevious):
		default:
			follow.lost = torn
		}
	})
	if sound := chooseSound(desc); sound != nil {
		sound.listen(client, desc, s)
	}
	if _, err := client.Play(nil); err != nil {
		return err
	}
	if s.OnPlay != nil {
		s.OnPlay()
	}
	return client.Wait()
}

// Probe asks the camera whether it is there, lets us in and has video that Source can carry: OPTIONS and
// DESCRIBE, then hangs up. nil means all three.
func Probe(ctx context.Context, rawURL string, net Net) error {
	client, u, err := net.dial(ctx, rawURL, gortsplib.ProtocolTCP)
	if err != nil {
		return err
	}
	defer client.Close()
	stop := context.AfterFunc(ctx, client.Close)
	defer stop()

	desc, _, err := client.Describe(u)
	if err == nil {
		_, err = chooseVideo(desc)
	}
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return scrub(fmt.Errorf("probe: %w", classify(err)), rawURL)
	}
	return nil
}

// dial makes a client that speaks to the host of rawURL and to no other. The connection itself is made by
// the first request.
func (n Net) dial(ctx context.Context, rawURL string, protocol gortsplib.Protocol) (*gortsplib.Client, *base.URL, error) {
	u, err := base.ParseURL(rawURL)
	if err != nil || u.Host == "" {
		return nil, nil, ErrBadURL // the parser's error quotes the URL, password and all
	}
	dialer := net.Dialer{Timeout: timeout, ControlContext: n.Control}
	host := u.Hostname()
	client := &gortsplib.Client{
		Scheme:            u.Scheme,
		Host:              u.Host,
		Protocol:          &protocol,
		TLSConfig:         n.TLS,
		ReadTimeout:       timeout,
		WriteTimeout:      timeout,
		UserAgent:         "Gridwall",
		OnTransportSwitch: func(error) {},
		OnPacketsLost:     func(uint64) {},
		OnDecodeError:     func(error) {},
		DialContext: func(dialCtx context.Context, network, address string) (net.Conn, error) {
			// A camera may answer 302; the client would repeat user and password there.
			if h, _, err := net.SplitHostPort(address); err == nil && !strings.EqualFold(h, host) {
				return nil, ErrRedirect
			}
			merged, cancel := context.WithCancel(dialCtx)
			defer cancel()
			defer context.AfterFunc(ctx, cancel)()
			return dialer.DialContext(merged, network, address)
		},
	}
	if err := client.Start(); err != nil {
		return nil, nil, scrub(err, rawURL)
	}
	return client, u, nil
}

// Control is for a net.Dialer that reaches cameras, whatever it speaks: it refuses forbidden addresses (ErrForbidden) after
// names are resolved, because what a name stands for may change between any two looks.
func (n Net) Control(_ context.Context, _, address string, _ syscall.RawConn) error {
	if n.Allowed == nil && n.Refused == nil {
		return nil
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return ErrForbidden
	}
	for _, a := range meant(at.Addr()) {
		if n.Allowed != nil && !n.Allowed(a) || n.Refused != nil && n.Refused(netip.AddrPortFrom(a, at.Port())) {
			return ErrForbidden
		}
	}
	return nil
}

var (
	nat64  = netip.MustParsePrefix("64:ff9b::/96")
	sixTo4 = netip.MustParsePrefix("2002::/16")
)

// meant are the addresses that a packet to a may arrive at: itself, and the IPv4 address that a gateway finds in it
// (RFC 6052, RFC 3056).
func meant(a netip.Addr) []netip.Addr {
	a = a.Unmap().WithZone("")
	raw := a.As16()
	switch {
	case nat64.Contains(a):
		return []netip.Addr{a, netip.AddrFrom4([4]byte(raw[12:]))}
	case sixTo4.Contains(a):
		return []netip.Addr{a, netip.AddrFrom4([4]byte(raw[2:6]))}
	}
	return []netip.Addr{a}
}

// chosen is the video that Source carries.
type chosen struct {
	media  *description.Media
	format format.Format
	syntax *syntax
	sets   [][]byte // of the description; each may be nil
	decode func(*rtp.Packet) ([][]byte, error)
}

// chooseVideo takes the first H.264 of the description, which plays everywhere, else the first H.265; without either
// it says what the video is.
func chooseVideo(desc *description.Session) (*chosen, error) {
	var h264 *format.H264
	if media := desc.FindFormat(&h264); media != nil && !media.IsBackChannel {
		decoder, err := h264.CreateDecoder()
		if err != nil {
			return nil, fmt.Errorf("%w: %v", ErrBadSDP, err)
		}
		return &chosen{media, h264, &avc, [][]byte{h264.SPS, h264.PPS}, decoder.Decode}, nil
	}
	var h265 *format.H265
	if media := desc.FindFormat(&h265); media != nil && !media.IsBackChannel {
		decoder, err := h265.CreateDecoder()
		if err != nil {
			return nil, fmt.Errorf("%w: %v", ErrBadSDP, err)
		}
		return &chosen{media, h265, &hevc, [][]byte{h265.VPS, h265.SPS, h265.PPS}, decoder.Decode}, nil
	}
	for _, media := range desc.Medias {
		if media.Type != description.MediaTypeVideo || len(media.Formats) == 0 {
			continue
		}
		name, _, _ := strings.Cut(media.Formats[0].RTPMap(), "/")
		if name == "" {
			name = fmt.Sprintf("payload type %d", media.Formats[0].PayloadType())
		}
		return nil, &CodecError{Codec: name}
	}
	return nil, &CodecError{}
}
