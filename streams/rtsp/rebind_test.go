package rtsp_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"gridwall/streams/rtsp"
)

// DNS rebinding: a name that stood for an allowed address when it was saved stands for the loopback when it is dialled.
func TestANameThatMovesToAForbiddenAddressIsRefusedWhenItIsDialled(t *testing.T) {
	dns, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer dns.Close()
	var moved atomic.Bool
	go answer(dns, &moved)
	resolver := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", dns.LocalAddr().String())
	}}
	defer func() { net.DefaultResolver = resolver }()

	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	reached := make(chan struct{}, 1)
	go func() {
		if conn, err := inner.Accept(); err == nil {
			conn.Close()
			reached <- struct{}{}
		}
	}()
	_, port, _ := net.SplitHostPort(inner.Addr().String())
	network := rtsp.Net{Allowed: func(a netip.Addr) bool { return !a.IsLoopback() }}
	if addrs, err := net.DefaultResolver.LookupNetIP(t.Context(), "ip4", "camera.test."); err != nil || addrs[0].String() != "192.0.2.1" {
		t.Fatalf("%v, %v", addrs, err)
	}
	moved.Store(true)
	if err := rtsp.Probe(t.Context(), "rtsp://camera.test.:"+port+"/a", network); !errors.Is(err, rtsp.ErrForbidden) {
		t.Errorf("%v, want ErrForbidden", err)
	}
	select {
	case <-reached:
		t.Error("what listens on the loopback was reached")
	default:
	}
}

// answer says 192.0.2.1 until the name has moved, then 127.0.0.1, and has no IPv6.
func answer(dns net.PacketConn, moved *atomic.Bool) {
	for b := make([]byte, 1500); ; {
		n, from, err := dns.ReadFrom(b)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(b[:n]) != nil || len(m.Questions) != 1 {
			continue
		}
		m.Response, m.Additionals = true, nil
		if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
			a := [4]byte{192, 0, 2, 1}
			if moved.Load() {
				a = [4]byte{127, 0, 0, 1}
			}
			m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}, Body: &dnsmessage.AResource{A: a}}}
		}
		if out, err := m.Pack(); err == nil {
			_, _ = dns.WriteTo(out, from)
		}
	}
}
