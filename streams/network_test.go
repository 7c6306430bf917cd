package streams_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"gridwall/streams"
	"gridwall/streams/rtsp"
	"gridwall/streams/streamtest/film"
)

func TestACameraThatKnowsUDPAloneIsPulledOverUDP(t *testing.T) {
	camera := film.Serve(t, film.Habits{UDP: true, User: "admin", Password: "p@ss"}, film.Draw(t, film.Spec{Sound: "aac"}))
	pictures, sound := watch(t, camera.URL, 40)
	if len(sound) == 0 || pictures[39].Sequence-pictures[0].Sequence > 200 {
		t.Errorf("%d pictures, %d packets of sound", len(pictures), len(sound))
	}
	if got := camera.SetUp(); len(got) != 2 {
		t.Errorf("set up over UDP: %v", got)
	}
}

// certificate is one that nobody knows, for 127.0.0.1.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestACameraOverTLSMustBeSignedByWhomWeKnow(t *testing.T) {
	cert, pool := certificate(t)
	camera := film.Serve(t, film.Habits{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}}, film.Draw(t, film.Spec{}))

	stranger := hub(t, streams.Config{Sweep: never})
	stranger.Set([]streams.Camera{{ID: "F", URL: camera.URL}})
	if got := trouble(t, open(t, stranger, "F")); got.State != streams.Offline || !strings.Contains(got.Reason.Zh, "证书") {
		t.Errorf("unknown certificate: %+v", got)
	}
	friend := hub(t, streams.Config{Sweep: never, Net: rtsp.Net{TLS: &tls.Config{RootCAs: pool}}})
	friend.Set([]streams.Camera{{ID: "F", URL: camera.URL}})
	if p := packet(t, open(t, friend, "F")).Packet; !p.IsKeyFrame {
		t.Error("begins without a keyframe")
	}
}

func TestAForbiddenNetworkIsRefusedWhateverItsName(t *testing.T) {
	camera := film.Serve(t, film.Habits{}, film.Draw(t, film.Spec{}))
	for _, url := range []string{camera.URL, strings.Replace(camera.URL, "127.0.0.1", "localhost", 1)} {
		h := hub(t, streams.Config{Sweep: never, Net: rtsp.Net{Allowed: func(a netip.Addr) bool { return !a.IsLoopback() }}})
		h.Set([]streams.Camera{{ID: "F", URL: url}})
		if got := trouble(t, open(t, h, "F")); got.State != streams.Offline || !strings.Contains(got.Reason.Zh, "网段") {
			t.Errorf("%s: %+v", url, got)
		}
	}
	if got := camera.SetUp(); len(got) != 0 {
		t.Errorf("asked for %v", got)
	}
}

func TestARecorderIsNotAskedForAllItsChannelsAtOnce(t *testing.T) {
	f := film.Draw(t, film.Spec{})
	recorder := film.Serve(t, film.Habits{}, f)
	h := hub(t, streams.Config{Sweep: never, DeviceStartsPerSecond: 5})
	var known []streams.Camera
	for _, id := range []string{"1", "2", "3", "4", "5", "6"} {
		known = append(known, streams.Camera{ID: id, URL: recorder.URL})
	}
	h.Set(known)
	began := time.Now()
	var last time.Duration
	var mu sync.Mutex
	var work sync.WaitGroup
	for _, c := range known {
		r := open(t, h, c.ID)
		work.Go(func() {
			if _, err := r.Next(within(t, 10*time.Second)); err != nil {
				t.Error(err)
			}
			mu.Lock()
			last = max(last, time.Since(began))
			mu.Unlock()
		})
	}
	work.Wait()
	if last < time.Second {
		t.Errorf("six channels in %v, five a second are allowed", last)
	}
}
