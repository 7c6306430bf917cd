package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"gridwall/streams/rtsp"
)

func TestCamerasAreInPrivateNetworksAndNowhereThatSecretsAre(t *testing.T) {
	for address, want := range map[string]bool{
		"10.1.2.3:554": true, "192.168.1.64:554": true, "172.16.0.9:80": true, "203.0.113.5:554": true, "[fd12::5]:554": true,
		"127.0.0.1:5432": false, "127.9.9.9:80": false, "[::1]:80": false, "[::ffff:127.0.0.1]:80": false, "[::ffff:7f00:1]:80": false, "0.0.0.0:80": false, "[::]:80": false,
		"169.254.169.254:80": false, "[fe80::1%eth0]:80": false, "100.100.100.200:80": false, "[fd00:ec2::254]:80": false, "239.255.255.250:3702": false,
		"[64:ff9b::7f00:1]:80": false, "[64:ff9b::a9fe:a9fe]:80": false, "[2002:7f00:1::]:80": false, "[64:ff9b::a01:203]:554": true,
		"camera.example:554": false, // not resolved: nobody knows what it stands for
	} {
		n := rtsp.Net{Allowed: elsewhere}
		if err := n.Control(t.Context(), "tcp", address, nil); (err == nil) != want {
			t.Errorf("%s: %v, want it let through: %t", address, err, want)
		}
	}
	listed, err := inside("10.1.0.0/16,fd12::/16")
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{"10.1.2.3:554": true, "[::ffff:10.1.2.3]:554": true, "10.2.0.1:554": false, "[fd12::5]:554": true, "[fd13::5]:554": false, "[64:ff9b::a01:203]:554": false} {
		if err := (rtsp.Net{Allowed: listed}).Control(t.Context(), "tcp", address, nil); (err == nil) != want {
			t.Errorf("of a list, %s: %v, want it let through: %t", address, err, want)
		}
	}
}

// This server's own services are refused even where the list allows the loopback, as the demo's does.
func TestTheServersOwnServicesAreNoCameras(t *testing.T) {
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer web.Close()
	port := web.Addr().(*net.TCPAddr).Port
	everything, err := inside("0.0.0.0/0,::/0")
	if err != nil {
		t.Fatal(err)
	}
	refused, err := noCamera(t.Context(), "postgres://u@127.0.0.1:5433,192.0.2.7:5434/x", web, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := rtsp.Net{Allowed: everything, Refused: refused}
	for address, want := range map[string]bool{
		fmt.Sprintf("127.0.0.1:%d", port): false, fmt.Sprintf("0.0.0.0:%d", port): false, fmt.Sprintf("[::1]:%d", port): false, fmt.Sprintf("[::ffff:127.0.0.1]:%d", port): false,
		fmt.Sprintf("127.0.0.2:%d", port): false, "127.0.0.1:5433": false, "192.0.2.7:5434": false, "[64:ff9b::c000:207]:5434": false,
		"127.0.0.1:554": true, fmt.Sprintf("192.0.2.7:%d", port): true, "192.0.2.8:5434": true,
	} {
		if err := n.Control(t.Context(), "tcp", address, nil); (err == nil) != want {
			t.Errorf("%s: %v, want it let through: %t", address, err, want)
		}
	}
	for _, address := range []string{"rtsp://127.0.0.1:%d/x", "rtsp://localhost:%d/x"} {
		if err := rtsp.Probe(t.Context(), fmt.Sprintf(address, port), n); !errors.Is(err, rtsp.ErrForbidden) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := noCamera(t.Context(), "host=/run/postgresql user=x", web); err != nil {
		t.Errorf("a socket of the file system: %v", err)
	}
}

// Slow loris: a head that does not end is let go of.
func TestAHeadThatDoesNotEndIsLetGo(t *testing.T) {
	web := newWeb(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	if web.ReadHeaderTimeout <= 0 || web.ReadHeaderTimeout > 10*time.Second || web.IdleTimeout <= 0 || web.MaxHeaderBytes > 64<<10 {
		t.Errorf("%v, %v, %d", web.ReadHeaderTimeout, web.IdleTimeout, web.MaxHeaderBytes)
	}
	web.ReadHeaderTimeout = 300 * time.Millisecond
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go web.Serve(l)
	defer web.Shutdown(context.WithoutCancel(t.Context()))
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Drip: ")
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadAll(conn); err != nil {
		var slow net.Error
		if errors.As(err, &slow) && slow.Timeout() {
			t.Error("it is held for ever")
		}
	}
}
