package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/audit"
	"gridwall/migrations/dbtest"
)

// healthy are settings of a centre in order.
func healthy(t *testing.T) settings {
	s := settings{addr: "127.0.0.1:0", dataDir: t.TempDir(), database: dbtest.URL(t)}
	s.checkpoints = filepath.Join(t.TempDir(), "checkpoints.jsonl")
	return s
}

func write(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return name
}

// alter changes the database of the settings.
func alter(t *testing.T, s *settings, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// ended is a certificate that ended yesterday, as PEM.
func ended(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "cameras"}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(0, 0, -1)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestTheDoctorFindsWhatIsPlantedAndNothingElse(t *testing.T) {
	for name, tc := range map[string]struct {
		about string // of the one fault that is found; empty: none
		plant func(t *testing.T, s *settings)
	}{
		"in order":        {"", func(*testing.T, *settings) {}},
		"proxies":         {"--trusted-proxies", func(_ *testing.T, s *settings) { s.proxies = "10.1.0.0/240" }},
		"camera networks": {"--camera-networks", func(_ *testing.T, s *settings) { s.cameraNets = "everywhere" }},
		"grid codes":      {"--grid-codes", func(_ *testing.T, s *settings) { s.gridCodes = "6+x" }},
		"alarm rules": {"--alarm-rules", func(t *testing.T, s *settings) {
			s.alarmRules = write(t, filepath.Join(s.dataDir, "rules"), "nonsense: [", 0o600)
		}},
		"base map":              {"--basemap", func(_ *testing.T, s *settings) { s.basemap.From = "/nowhere/town.pmtiles" }},
		"a key for all to read": {"keys", func(t *testing.T, s *settings) { write(t, filepath.Join(s.dataDir, audit.KeyFile), "x", 0o644) }},
		"no folder":             {"--data-dir", func(t *testing.T, s *settings) { s.dataDir = write(t, filepath.Join(s.dataDir, "file"), "", 0o600) }},
		"checkpoints":           {"--checkpoint-file", func(_ *testing.T, s *settings) { s.checkpoints = "/nowhere/checkpoints.jsonl" }},
		"port": {"--addr", func(t *testing.T, s *settings) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					conn.Close()
				}
			}()
			s.addr = l.Addr().String()
		}},
		"certificate": {"--camera-ca", func(t *testing.T, s *settings) {
			s.cameraCA = write(t, filepath.Join(s.dataDir, "ca.pem"), ended(t), 0o600)
		}},
		"no certificate": {"--camera-ca", func(t *testing.T, s *settings) { s.cameraCA = write(t, filepath.Join(s.dataDir, "ca.pem"), "x", 0o600) }},
		"a certificate without its key": {"--tls-cert", func(t *testing.T, s *settings) {
			s.tlsCert = write(t, filepath.Join(s.dataDir, "server.pem"), ended(t), 0o600)
		}},
		"no database": {"database", func(_ *testing.T, s *settings) {
			s.database = "host=127.0.0.1 port=9 user=x dbname=x connect_timeout=2"
		}},
		"no sync": {"database", func(t *testing.T, s *settings) {
			alter(t, s, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$`)
		}},
		"a newer schema": {"schema", func(t *testing.T, s *settings) {
			alter(t, s, `INSERT INTO migration (version, name) VALUES (9999, 'x')`)
		}},
		"an event that is gone": {"log", func(t *testing.T, s *settings) { alter(t, s, `UPDATE event_head SET seq = 7`) }},
		"keys of cameras": {"keys", func(t *testing.T, s *settings) {
			alter(t, s, `INSERT INTO camera (id, name, url, geom, sealed, key_id) VALUES ('C1', 'x', 'rtsp://10.0.0.1/x', ST_SetSRID(ST_MakePoint(110, 40), 4326), 'x', 'k1')`)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := healthy(t)
			tc.plant(t, &s)
			x := &examination{settings: s}
			if err := x.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			// The tests' own database does not sync, and what the machine lacks is not planted.
			faults := slices.DeleteFunc(slices.Clone(x.found), func(a ailment) bool {
				return a.warning || a.about == "programs" || a.about == "disk" || strings.HasPrefix(a.what.en, "fsync is off") || strings.HasPrefix(a.what.en, "full_page_writes is off")
			})
			switch {
			case tc.about == "" && len(faults) > 0:
				t.Errorf("found %+v", faults)
			case tc.about != "" && (len(faults) != 1 || faults[0].about != tc.about):
				t.Errorf("found %+v, want one of %s", faults, tc.about)
			}
			for _, a := range x.found {
				if !chinese(a.what.zh) || chinese(a.what.en) || a.mend.zh == "" || a.mend.en == "" || chinese(a.mend.en) {
					t.Errorf("not said in both languages: %+v", a)
				}
			}
		})
	}
}

// chinese says whether a sentence has Chinese in it.
func chinese(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}
