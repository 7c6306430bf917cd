package audit

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Checkpoint is a signed line of a file outside the database: at that time the log stood at that number with that hash.
// Who can write the database alone cannot take back what a checkpoint has seen.
type Checkpoint struct {
	At   time.Time `json:"at"`
	Log  string    `json:"log"` // which log: a restored one has another name
	Seq  int64     `json:"seq"`
	Hash string    `json:"hash"` // hex
	Sig  string    `json:"sig"`  // Ed25519 over the four others, base64
}

func (c Checkpoint) signed() []byte {
	return fmt.Appendf(nil, "gridwall checkpoint\n%s\n%s\n%d\n%s", c.At.UTC().Format(time.RFC3339Nano), c.Log, c.Seq, c.Hash)
}

// KeyFile is the name of the signing key in the data folder.
const KeyFile = "checkpoint.key"

// OpenKey reads a signing key (PEM, PKCS #8), and makes it where there is none and make is set.
func OpenKey(path string, make bool) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && make {
		return newKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoint key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("checkpoint key: %s is no PEM file", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("checkpoint key: %w", err)
	}
	signing, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("checkpoint key: %s holds no Ed25519 key", path)
	}
	return signing, nil
}

func newKey(path string) (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) { // another node on the same folder was faster
		return OpenKey(path, false)
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoint key: %w", err)
	}
	err = pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return key, errors.Join(err, f.Sync(), f.Close())
}

// Signer writes a checkpoint a minute while the log goes on, and one when it ends.
type Signer struct {
	Pool *pgxpool.Pool
	Key  ed25519.PrivateKey
	// File is where the lines go: best on another machine, or on a medium that is only written once.
	File string
	Log  *slog.Logger

	last int64
}

// every is how often the log's head is signed; nothing is written while it stands still.
const every = time.Minute

// Run signs until ctx ends.
func (s *Signer) Run(ctx context.Context) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		now := ctx
		if ctx.Err() != nil {
			closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
			defer cancel()
			now = closing
		}
		if err := s.Sign(now); err != nil {
			s.Log.Warn("checkpoint of the log not written, trying again", "file", s.File, "error", err)
		}
		if ctx.Err() != nil {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// Sign adds a line to the file if the log has gone on since the last one.
func (s *Signer) Sign(ctx context.Context) error {
	c := Checkpoint{At: time.Now().UTC().Truncate(time.Millisecond)}
	var hash []byte
	if err := s.Pool.QueryRow(ctx, `SELECT log::text, seq, hash FROM event_head`).Scan(&c.Log, &c.Seq, &hash); err != nil {
		return err
	}
	if c.Seq == s.last {
		return nil
	}
	c.Hash = hex.EncodeToString(hash)
	c.Sig = base64.StdEncoding.EncodeToString(ed25519.Sign(s.Key, c.signed()))
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(s.File, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n')) // one write: lines of several nodes do not mix
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	s.last = c.Seq
	return nil
}

// ReadCheckpoints reads a file of checkpoints and checks each line's signature. A last line that was cut off is left out.
func ReadCheckpoints(path string, key ed25519.PublicKey) ([]Checkpoint, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var list []Checkpoint
	lines := bufio.NewReader(f)
	for n := 1; ; n++ {
		text, err := lines.ReadBytes('\n')
		if err != nil { // the end; what stands before it without an end of line was cut off
			return list, nil
		}
		var c Checkpoint
		sig := []byte(nil)
		if err = json.Unmarshal(text, &c); err == nil {
			sig, err = base64.StdEncoding.DecodeString(c.Sig)
		}
		if err != nil || !ed25519.Verify(key, c.signed(), sig) {
			return nil, fmt.Errorf("%s: line %d is not as it was signed", path, n)
		}
		list = append(list, c)
	}
}
