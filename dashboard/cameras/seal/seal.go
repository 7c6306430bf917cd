// Package seal keeps the credentials of cameras shut in the database: AES-256-GCM with keys that are not in it.
//
// A key lives in a file of the data folder, mode 0600, made at the first start, or in the environment where several
// nodes share one database. The first key seals, every key opens; each row says which one it needs. Rotate puts a new
// key in front, the rows are sealed anew, and Forget drops those that nobody needs. What is sealed for one camera opens for no other.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// File is the name of the key file in the data folder.
const File = "camera.keys"

// ErrNoKey says that the key which a row was sealed with is not here.
var ErrNoKey = errors.New("seal: sealed with a key that is not here")

// ErrBroken says that the key is here and what was sealed was changed, or belongs to another camera.
var ErrBroken = errors.New("seal: sealed text was changed or belongs to another camera")

// ErrFixed says that keys of the environment cannot be changed from here.
var ErrFixed = errors.New("seal: the keys come from the environment: put a new one in front of GRIDWALL_CAMERA_KEYS everywhere, restart, then rotate")

// Keyring seals with its first key and opens with all of them. A nil Keyring seals nothing and has no key.
type Keyring struct {
	path string // empty: the environment's

	mu   sync.RWMutex
	keys []*key
}

type key struct {
	id     string
	text   string // as it stands in the file
	aead   cipher.AEAD
	nonces []byte
}

// Open reads the key file, and makes it with one key where there is none and make is set; without make that is fs.ErrNotExist.
func Open(path string, make bool) (*Keyring, error) {
	ring := &Keyring{path: path}
	err := ring.read()
	if errors.Is(err, fs.ErrNotExist) && make {
		err = ring.make()
	}
	if err != nil {
		return nil, fmt.Errorf("camera keys: %w", err)
	}
	return ring, nil
}

// Parse reads keys as GRIDWALL_CAMERA_KEYS has them: ID:BASE64 of 32 bytes, the one that seals first, commas between.
func Parse(text string) (*Keyring, error) {
	keys, err := parse(strings.ReplaceAll(text, ",", "\n"))
	if err != nil {
		return nil, fmt.Errorf("camera keys: %w", err)
	}
	return &Keyring{keys: keys}, nil
}

func (r *Keyring) read() error {
	text, err := os.ReadFile(r.path)
	if err != nil {
		return err
	}
	keys, err := parse(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(r.path), err)
	}
	r.mu.Lock()
	r.keys = keys
	r.mu.Unlock()
	return nil
}

// make writes the first key; another node on the same folder may be faster, then its key is read.
func (r *Keyring) make() error {
	if err := os.MkdirAll(filepath.Dir(r.path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return r.read()
	}
	if err != nil {
		return err
	}
	k, err := newKey()
	if err != nil {
		f.Close()
		return err
	}
	_, err = f.WriteString(k.text + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	r.keys = []*key{k}
	return nil
}

func newKey() (*key, error) {
	var raw [36]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return nil, err
	}
	return parseKey(hex.EncodeToString(raw[:4]) + ":" + base64.StdEncoding.EncodeToString(raw[4:]))
}

func parse(text string) (keys []*key, err error) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		k, err := parseKey(line)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("there is no key")
	}
	return keys, nil
}

// parseKey never quotes what it could not read.
func parseKey(text string) (*key, error) {
	id, encoded, ok := strings.Cut(text, ":")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if !ok || err != nil || len(raw) != 32 || id == "" || len(id) > 32 {
		return nil, errors.New("a key is ID:BASE64, the base64 of 32 bytes")
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, raw)
	mac.Write([]byte("gridwall camera nonce"))
	return &key{strings.TrimSpace(id), text, aead, mac.Sum(nil)}, nil
}

// Seal shuts secret for one camera. An empty secret is nil and needs no key.
//
// The nonce is made of camera and secret (a keyed hash), not drawn: the same credentials give the same bytes, so that
// saving a camera unchanged changes no row. All that this tells is whether one camera's credentials stayed the same.
func (r *Keyring) Seal(camera, secret string) (sealed []byte, keyID *string) {
	if secret == "" || r == nil {
		return nil, nil
	}
	r.mu.RLock()
	k := r.keys[0]
	r.mu.RUnlock()
	mac := hmac.New(sha256.New, k.nonces)
	fmt.Fprintf(mac, "%s\x00%s", camera, secret)
	nonce := mac.Sum(nil)[:k.aead.NonceSize()]
	id := k.id
	return k.aead.Seal(nonce, nonce, []byte(secret), []byte(camera)), &id
}

// Open gives what was sealed for the camera. A key that is not known is looked for in the file once more: it may have
// been rotated. The error is ErrNoKey or ErrBroken.
func (r *Keyring) Open(camera string, sealed []byte, keyID string) (string, error) {
	if r == nil {
		return "", ErrNoKey
	}
	k := r.find(keyID)
	if k == nil && r.path != "" {
		if err := r.read(); err == nil {
			k = r.find(keyID)
		}
	}
	if k == nil {
		return "", fmt.Errorf("key %s: %w", keyID, ErrNoKey)
	}
	n := k.aead.NonceSize()
	if len(sealed) < n {
		return "", ErrBroken
	}
	secret, err := k.aead.Open(nil, sealed[:n], sealed[n:], []byte(camera))
	if err != nil {
		return "", ErrBroken
	}
	return string(secret), nil
}

// Has says whether the ring holds the key of that id.
func (r *Keyring) Has(id string) bool { return r.find(id) != nil }

func (r *Keyring) find(id string) *key {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, k := range r.keys {
		if k.id == id {
			return k
		}
	}
	return nil
}

// Current is the id of the key that seals.
func (r *Keyring) Current() string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.keys[0].id
}

// Rotate puts a new key in front and writes the file. Keys of the environment are not changed: ErrFixed.
func (r *Keyring) Rotate() error {
	if r.path == "" {
		return ErrFixed
	}
	k, err := newKey()
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	keys := append([]*key{k}, r.keys...)
	if err := r.write(keys); err != nil {
		return err
	}
	r.keys = keys
	return nil
}

// Forget drops every key but the first and the one before it: a server that has not heard of the new one yet may seal with that.
func (r *Keyring) Forget() error {
	if r.path == "" {
		return ErrFixed
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	rest := r.keys[:min(2, len(r.keys))]
	if err := r.write(rest); err != nil {
		return err
	}
	r.keys = rest
	return nil
}

// write replaces the file in one step.
func (r *Keyring) write(keys []*key) error {
	part, err := os.CreateTemp(filepath.Dir(r.path), "."+File+"-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(part.Name())
	for _, k := range keys {
		if _, err := part.WriteString(k.text + "\n"); err != nil {
			part.Close()
			return err
		}
	}
	if err := errors.Join(part.Sync(), part.Close()); err != nil {
		return err
	}
	return os.Rename(part.Name(), r.path)
}

// String keeps keys out of what prints their ring.
func (r *Keyring) String() string { return "camera keys" }

// GoString is String.
func (r *Keyring) GoString() string { return r.String() }
