package api

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"testing"
	"time"
)

func TestOnlyATrustedProxySaysWhoseRequestItIs(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/24"), netip.MustParsePrefix("::1/128")}
	for _, tc := range []struct {
		name, remote, forwarded string
		host                    string
		secure                  bool
	}{
		{"nobody between", "192.0.2.7:1234", "", "192.0.2.7", false},
		{"a stranger's word is struck out", "192.0.2.7:1234", "198.51.100.1", "192.0.2.7", false},
		{"a proxy's word holds", "10.1.0.2:99", "198.51.100.1", "198.51.100.1", true},
		{"what the client wrote before it does not", "10.1.0.2:99", "203.0.113.9, 198.51.100.1", "198.51.100.1", true},
		{"two proxies", "10.1.0.2:99", "198.51.100.1, 10.1.0.3", "198.51.100.1", true},
		{"nonsense", "10.1.0.2:99", "198.51.100.1, <script>", "10.1.0.2", true},
		{"IPv6", "[::1]:99", "2001:db8::5", "2001:db8::5", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = tc.remote
			r.Header.Set("X-Forwarded-Proto", "https")
			if tc.forwarded != "" {
				r.Header.Set("X-Forwarded-For", tc.forwarded)
			}
			behind(proxies, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if host(r) != tc.host || secure(r) != tc.secure {
					t.Errorf("%s, secure %t; want %s, %t", host(r), secure(r), tc.host, tc.secure)
				}
			})).ServeHTTP(httptest.NewRecorder(), r)
		})
	}
}

func TestABudgetComesBackWithTime(t *testing.T) {
	b := budget{burst: 3, every: time.Second}
	now := time.Unix(1_600_000_000, 0)
	for i := range 3 {
		if _, ok := b.left("a", now); !ok {
			t.Fatalf("nothing left after %d", i)
		}
		b.spend("a", now)
	}
	if wait, ok := b.left("a", now); ok || wait != time.Second {
		t.Errorf("a fourth at once: %t, wait %v", ok, wait)
	}
	if _, ok := b.left("b", now); !ok {
		t.Error("another key has nothing left")
	}
	if _, ok := b.left("a", now.Add(time.Second)); !ok {
		t.Error("nothing came back after a second")
	}
}

func TestAPageOfAnotherOriginGetsNoWebsocket(t *testing.T) {
	for origin, foreign := range map[string]bool{"": false, "http://example.com": false, "http://evil.test": true, "null": true, "http://example.com.evil.test": true} {
		r := httptest.NewRequest("GET", "http://example.com/streams", nil)
		r.Header.Set("Upgrade", "WebSocket")
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		if foreignSocket(r) != foreign {
			t.Errorf("origin %q: foreign is %t", origin, !foreign)
		}
	}
}

// Slow loris: who drips its body, or does not take the answer, is let go of; who is quick is served on the same socket.
func TestWhoDripsABodyOrDoesNotTakeTheAnswerIsLetGo(t *testing.T) {
	read, written := make(chan error, 1), make(chan error, 1)
	server := httptest.NewServer(patient(300*time.Millisecond, 300*time.Millisecond, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			_, err := io.Copy(io.Discard, r.Body)
			read <- err
			return
		}
		for block := make([]byte, 1<<20); ; {
			if _, err := w.Write(block); err != nil {
				written <- err
				return
			}
		}
	})))
	t.Cleanup(server.Close) // after the clients are gone: it waits for requests that are held
	dial := func(text string) net.Conn {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		io.WriteString(conn, text)
		return conn
	}
	waited := time.After(time.Minute)
	gone := func(name string, ended chan error) {
		t.Helper()
		select {
		case err := <-ended:
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
		case <-waited:
			t.Fatalf("%s is held for ever", name)
		}
	}
	dial("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nx")
	gone("a body that stops", read)
	dial("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
	gone("chunks that stop", read)
	dial("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	gone("an answer that is not taken", written)
}
