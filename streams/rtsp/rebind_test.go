package rtsp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
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

// Redirects: a camera that answers 302 sends nobody to another host, nor to another port of its own that is forbidden, and
// the password goes with neither.
func TestARedirectLeadsToNoOtherHostAndToNoForbiddenPort(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	reached := make(chan struct{}, 10)
	go func() {
		for {
			conn, err := inner.Accept()
			if err != nil {
				return
			}
			conn.Close()
			reached <- struct{}{}
		}
	}()
	_, port, _ := net.SplitHostPort(inner.Addr().String())
	for name, tc := range map[string]struct {
		to      string
		network rtsp.Net
		want    error
	}{
		"another host":                {"rtsp://localhost:" + port + "/x", rtsp.Net{}, rtsp.ErrRedirect},
		"another host in IPv6":        {"rtsp://[::ffff:127.0.0.1]:" + port + "/x", rtsp.Net{}, rtsp.ErrRedirect},
		"a forbidden port of its own": {"rtsp://127.0.0.1:" + port + "/x", rtsp.Net{Refused: func(a netip.AddrPort) bool { return fmt.Sprint(a.Port()) == port }}, rtsp.ErrForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			camera, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer camera.Close()
			go redirect(camera, tc.to)
			err = rtsp.Probe(t.Context(), "rtsp://admin:geheim@"+camera.Addr().String()+"/a", tc.network)
			if !errors.Is(err, tc.want) || strings.Contains(err.Error(), "geheim") {
				t.Errorf("%v, want %v", err, tc.want)
			}
		})
	}
	select {
	case <-reached:
		t.Error("what the redirect names was reached")
	default:
	}
}

// redirect answers OPTIONS as a camera does and everything else with 302.
func redirect(camera net.Listener, to string) {
	for {
		conn, err := camera.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			r := bufio.NewReader(conn)
			for {
				var request base.Request
				if request.Unmarshal(r) != nil {
					return
				}
				answer := base.Response{StatusCode: base.StatusOK, Header: base.Header{"CSeq": request.Header["CSeq"], "Public": {"DESCRIBE, SETUP, PLAY"}}}
				if request.Method != base.Options {
					answer.StatusCode, answer.Header["Location"] = base.StatusFound, base.HeaderValue{to}
				}
				text, err := answer.Marshal()
				if err != nil {
					return
				}
				if _, err := conn.Write(text); err != nil {
					return
				}
			}
		}()
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
