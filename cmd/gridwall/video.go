package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"

	"gridwall/streams/rtsp"
)

// rtspOut listens for other players; nil: none are served. Only the default gives way to another server on its port.
func (s *settings) rtspOut(host string, log *slog.Logger) (net.Listener, error) {
	if s.rtspAddr == "off" {
		return nil, nil
	}
	addr := cmp.Or(s.rtspAddr, net.JoinHostPort(host, "8554"))
	l, err := net.Listen("tcp", addr)
	if err != nil && s.rtspAddr == "" {
		log.Warn("no RTSP for other players: the port is taken; name another with --rtsp-addr", "addr", addr)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("rtsp-addr: %w", err)
	}
	return l, nil
}

// cameraNet reads which networks cameras may be in, and whose certificates they have.
func (s *settings) cameraNet() (rtsp.Net, error) {
	var n rtsp.Net
	var err error
	if s.cameraNets == "" {
		n.Allowed, err = elsewhere()
	} else {
		n.Allowed, err = inside(s.cameraNets)
	}
	if err != nil || s.cameraCA == "" {
		return n, err
	}
	text, err := os.ReadFile(s.cameraCA)
	if err != nil {
		return n, fmt.Errorf("camera-ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return n, fmt.Errorf("camera-ca: no certificate in %s", s.cameraCA)
	}
	n.TLS = &tls.Config{RootCAs: pool}
	return n, nil
}

// inside allows the listed networks.
func inside(list string) (func(netip.Addr) bool, error) {
	var nets []netip.Prefix
	for text := range strings.SplitSeq(list, ",") {
		p, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("camera-networks: %w", err)
		}
		nets = append(nets, p)
	}
	return func(a netip.Addr) bool {
		for _, p := range nets {
			if p.Contains(a) {
				return true
			}
		}
		return false
	}, nil
}

// elsewhere allows what is neither this machine nor no machine at all: whoever may register a camera must not reach
// what listens on the loopback, or a cloud's metadata.
func elsewhere() (func(netip.Addr) bool, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("own addresses: %w", err)
	}
	own := map[netip.Addr]bool{}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own[p.Addr().Unmap()] = true
		}
	}
	return func(a netip.Addr) bool {
		return !own[a] && !a.IsLoopback() && !a.IsUnspecified() && !a.IsLinkLocalUnicast() && !a.IsMulticast()
	}, nil
}
