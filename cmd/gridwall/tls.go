package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// pair is a certificate and its key in two PEM files. It is read anew when they change: a renewed one needs no restart.
type pair struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex
	looked  time.Time
	written time.Time // the newer of the two files
	held    *tls.Certificate
}

// lookEvery is how often handshakes look whether the files have changed.
const lookEvery = 10 * time.Second

// openTLS is how connections are secured; nil: they are not.
func openTLS(cert, key string, log *slog.Logger) (*tls.Config, error) {
	if cert == "" && key == "" {
		return nil, nil
	}
	if cert == "" || key == "" {
		return nil, errors.New("--tls-cert and --tls-key go together: name both files")
	}
	p := &pair{cert: cert, key: key, log: log}
	if err := p.read(time.Now()); err != nil {
		return nil, fmt.Errorf("certificate of the server: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: p.get, NextProtos: []string{"h2", "http/1.1"}}, nil
}

func (p *pair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.looked) >= lookEvery {
		if err := p.read(now); err != nil {
			p.log.Error("the new certificate cannot be read, the one before is served on", "error", err)
		}
	}
	return p.held, nil
}

// read takes the files if they have changed.
func (p *pair) read(now time.Time) error {
	p.looked = now
	var written time.Time
	for _, name := range []string{p.cert, p.key} {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		if info.ModTime().After(written) {
			written = info.ModTime()
		}
	}
	if p.held != nil && written.Equal(p.written) {
		return nil
	}
	c, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		return fmt.Errorf("%s and %s: %w", p.cert, p.key, err)
	}
	p.held, p.written = &c, written
	return nil
}

const certificateUsage = `certificate HOST… [flags]

Makes a certificate for the names and addresses that this server is reached by, signed by a root of this site, in the folder
tls of --data-dir: server.pem and server.key for --tls-cert and --tls-key, and ca.pem to be installed on every wall, desk and
phone (为本站签发证书；把 ca.pem 安装到每台大屏、席位和手机). The root is made once and signs the next ones too.
`

const (
	rootYears  = 10
	serverDays = 825 // the most that browsers take
)

func certificate(_ context.Context, args []string) error {
	var s settings
	flags := s.flags("certificate", certificateUsage)
	hosts, err := parse(flags, args)
	if err != nil {
		return err
	}
	if len(hosts) == 0 {
		flags.Usage()
		return exitStatus(2)
	}
	dir := filepath.Join(s.dataDir, "tls")
	if err := issue(dir, hosts, time.Now()); err != nil {
		return err
	}
	fmt.Printf("Serve with --tls-cert=%[1]s/server.pem --tls-key=%[1]s/server.key, and install %[1]s/ca.pem where the pages are opened.\n", dir)
	return nil
}

// issue writes the server's certificate for the hosts, and the root that signs it unless that is there.
func issue(dir string, hosts []string, now time.Time) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	rootFile, rootKey := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "ca.key")
	root, err := tls.LoadX509KeyPair(rootFile, rootKey)
	if errors.Is(err, fs.ErrNotExist) {
		t := template("Gridwall "+hosts[0], now, now.AddDate(rootYears, 0, 0))
		t.IsCA, t.BasicConstraintsValid, t.MaxPathLenZero, t.KeyUsage = true, true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
		if err := sign(t, nil, rootFile, rootKey); err != nil {
			return err
		}
		root, err = tls.LoadX509KeyPair(rootFile, rootKey)
	}
	if err != nil {
		return fmt.Errorf("the root of this site: %w", err)
	}
	t := template(hosts[0], now, now.AddDate(0, 0, serverDays))
	t.KeyUsage, t.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, host := range hosts {
		if a := net.ParseIP(host); a != nil {
			t.IPAddresses = append(t.IPAddresses, a)
		} else {
			t.DNSNames = append(t.DNSNames, host)
		}
	}
	return sign(t, &root, filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key"))
}

func template(name string, from, until time.Time) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) // it does not fail
	return &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: from.Add(-time.Hour), NotAfter: until}
}

// sign writes the certificate with a new key, each file whole or not at all; signer nil: by itself.
func sign(t *x509.Certificate, signer *tls.Certificate, certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	parent, by := t, any(key)
	if signer != nil {
		parent, by = signer.Leaf, signer.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, &key.PublicKey, by)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name, kind string
		der        []byte
		mode       os.FileMode
	}{{keyFile, "PRIVATE KEY", secret, 0o600}, {certFile, "CERTIFICATE", der, 0o644}} {
		if err := os.WriteFile(f.name+".new", pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.der}), f.mode); err != nil {
			return err
		}
		if err := os.Rename(f.name+".new", f.name); err != nil {
			return err
		}
	}
	return nil
}
