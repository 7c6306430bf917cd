package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

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
		n.Allowed = elsewhere
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

// metadata are what clouds tell their own machines secrets at, beyond the link-local ones.
var metadata = []netip.Addr{netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("168.63.129.16")}

// elsewhere allows what is neither this machine nor no machine at all: whoever may register a camera must not reach
// what listens on the loopback, or a cloud's metadata. Cameras live in private networks, so those are allowed.
func elsewhere(a netip.Addr) bool {
	return !here(a) && !a.IsLinkLocalUnicast() && !a.IsMulticast() && !slices.Contains(metadata, a)
}

// here says whether an address is this machine's own, as it has them now.
func here(a netip.Addr) bool {
	if a.IsLoopback() || a.IsUnspecified() {
		return true
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return true // who cannot tell does not dial
	}
	for _, own := range addrs {
		if p, err := netip.ParsePrefix(own.String()); err == nil && p.Addr().Unmap() == a {
			return true
		}
	}
	return false
}

// noCamera refuses this server's own services, whatever networks cameras may be in: its listeners' ports on this machine,
// and the database, wherever it is.
func noCamera(ctx context.Context, databaseURL string, listeners ...net.Listener) (func(netip.AddrPort) bool, error) {
	var ports []uint16
	for _, l := range listeners {
		if l == nil {
			continue
		}
		at, err := netip.ParseAddrPort(l.Addr().String())
		if err != nil {
			return nil, fmt.Errorf("own address: %w", err)
		}
		ports = append(ports, at.Port())
	}
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("address of the database: %w", err)
	}
	servers := []*pgconn.FallbackConfig{{Host: config.Host, Port: config.Port}}
	var taken []netip.AddrPort
	for _, server := range append(servers, config.Fallbacks...) {
		if strings.HasPrefix(server.Host, "/") {
			continue // a socket of the file system
		}
		addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", server.Host)
		if err != nil {
			return nil, fmt.Errorf("address of the database: %w", err)
		}
		for _, a := range addrs {
			taken = append(taken, netip.AddrPortFrom(a.Unmap(), server.Port))
			if here(a.Unmap()) {
				ports = append(ports, server.Port)
			}
		}
	}
	return func(at netip.AddrPort) bool {
		return slices.Contains(taken, at) || slices.Contains(ports, at.Port()) && here(at.Addr())
	}, nil
}
