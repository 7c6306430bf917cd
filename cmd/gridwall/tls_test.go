package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"gridwall/migrations/dbtest"
)

func TestPagesAndSocketsAreServedByTheSitesOwnCertificate(t *testing.T) {
	dir := t.TempDir()
	if err := issue(dir, []string{"127.0.0.1", "wall.example"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	s := settings{addr: "127.0.0.1:0", rtspAddr: "off", dataDir: t.TempDir(), database: dbtest.URL(t),
		tlsCert: filepath.Join(dir, "server.pem"), tlsKey: filepath.Join(dir, "server.key")}
	server, err := start(t.Context(), s, false, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer server.halt()
	root, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(root)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: true}}
	answer, err := client.Get(server.url + "/login")
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK || answer.ProtoMajor != 2 || answer.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%s %s, HSTS %q", answer.Proto, answer.Status, answer.Header.Get("Strict-Transport-Security"))
	}
	if _, err := http.Get(server.url + "/login"); err == nil {
		t.Error("who does not know the site's root was served")
	}

	token, err := server.dash.Access.NewDevice(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	dialer := websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: trusted}}
	conn, _, err := dialer.DialContext(t.Context(), "wss"+server.url[len("https"):]+"/live?topics=cases", http.Header{"Authorization": {"Bearer " + token}})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestARenewedCertificateNeedsNoRestart(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key")
	if err := issue(dir, []string{"wall.example"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	p := &pair{cert: cert, key: key, log: slog.New(slog.DiscardHandler)}
	first, err := p.get(nil)
	if err != nil || first == nil {
		t.Fatal(err)
	}
	if err := issue(dir, []string{"wall.example"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Minute)
	if err := os.Chtimes(cert, later, later); err != nil {
		t.Fatal(err)
	}
	if again, _ := p.get(nil); again != first {
		t.Error("the files are looked at with every handshake")
	}
	p.looked = time.Time{}
	second, _ := p.get(nil)
	if second == first || second.Leaf.SerialNumber.Cmp(first.Leaf.SerialNumber) == 0 {
		t.Error("the renewed certificate is not served")
	}
	if second.Leaf.Issuer.String() != first.Leaf.Issuer.String() {
		t.Error("the root is another one")
	}
	if err := os.WriteFile(cert, []byte("rubbish"), 0o644); err != nil {
		t.Fatal(err)
	}
	p.looked = time.Time{}
	if third, _ := p.get(nil); third != second {
		t.Error("a broken file ended the service")
	}
	if _, err := openTLS(cert, "", p.log); err == nil {
		t.Error("a certificate without its key was taken")
	}
}
