package basemap

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

func picture(t testing.TB, shade uint8) []byte {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, 4, 4))
	m.SetGray(1, 1, color.Gray{shade})
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The numbers of the specification.
func TestTileIDIsThatOfTheSpecification(t *testing.T) {
	for at, want := range map[[3]uint32]uint64{{0, 0, 0}: 0, {1, 0, 0}: 1, {1, 0, 1}: 2, {1, 1, 1}: 3, {1, 1, 0}: 4, {2, 0, 0}: 5, {12, 3423, 1763}: 19078479} {
		if got := tileID(at[0], at[1], at[2]); got != want {
			t.Errorf("%v is %d, want %d", at, got, want)
		}
	}
	for z := range uint32(6) {
		seen := map[uint64]bool{}
		for x := range uint32(1) << z {
			for y := range uint32(1) << z {
				seen[tileID(z, x, y)] = true
			}
		}
		if len(seen) != 1<<(2*z) {
			t.Errorf("zoom %d: %d numbers for %d tiles", z, len(seen), 1<<(2*z))
		}
	}
}

func varints(values ...uint64) (b []byte) {
	for _, v := range values {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

// archive writes a PMTiles file of two tiles, the second through a leaf directory.
func archive(t testing.TB, kind byte) string {
	t.Helper()
	pack := func(b []byte) []byte {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		w.Write(b)
		w.Close()
		return out.Bytes()
	}
	one, two := picture(t, 1), picture(t, 2)
	leaf := pack(varints(1, 5, 1, uint64(len(two)), uint64(len(one))+1))
	root := pack(varints(2, 0, 5, 1, 0, uint64(len(one)), uint64(len(leaf)), 1, 1))
	metadata := pack([]byte(`{"attribution":"© 测绘局"}`))
	h := make([]byte, headerBytes)
	copy(h, "PMTiles\x03")
	at := uint64(headerBytes)
	for i, part := range [][]byte{root, metadata, leaf, append(bytes.Clone(one), two...)} {
		binary.LittleEndian.PutUint64(h[8+16*i:], at)
		binary.LittleEndian.PutUint64(h[16+16*i:], uint64(len(part)))
		at += uint64(len(part))
	}
	h[97], h[98], h[99], h[101] = 2, 1, kind, 2
	name := filepath.Join(t.TempDir(), "town.pmtiles")
	if err := os.WriteFile(name, bytes.Join([][]byte{h, root, metadata, leaf, one, two}, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func read(t *testing.T, m *Map, z, x, y uint32) ([]byte, error) {
	t.Helper()
	p, err := m.Tile(context.Background(), z, x, y)
	if err == nil && p.Type != "image/png" {
		t.Errorf("type %s", p.Type)
	}
	return p.Body, err
}

func TestPicturesComeOutOfAPMTilesFile(t *testing.T) {
	m, err := Open(Config{From: archive(t, 2)})
	if err != nil {
		t.Fatal(err)
	}
	if m.Info.MaxZoom != 2 || m.Info.Attribution != "© 测绘局" {
		t.Errorf("%+v", m.Info)
	}
	if b, err := read(t, m, 0, 0, 0); err != nil || !bytes.Equal(b, picture(t, 1)) {
		t.Errorf("the first: %v", err)
	}
	if b, err := read(t, m, 2, 0, 0); err != nil || !bytes.Equal(b, picture(t, 2)) {
		t.Errorf("behind a leaf: %v", err)
	}
	for _, at := range [][3]uint32{{1, 0, 0}, {2, 3, 3}, {3, 0, 0}, {1, 5, 0}, {30, 0, 0}} {
		if _, err := read(t, m, at[0], at[1], at[2]); !errors.Is(err, ErrNoTile) {
			t.Errorf("%v: %v", at, err)
		}
	}
	if _, err := Open(Config{From: archive(t, 1)}); err == nil || !strings.Contains(err.Error(), "vector") {
		t.Errorf("vector tiles: %v", err)
	}
}

func FuzzDirectory(f *testing.F) {
	f.Add(varints(2, 0, 5, 1, 0, 10, 20, 1, 0))
	f.Add(varints(1 << 60))
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := parseDirectory(b)
		if err == nil && len(entries)*4 > len(b) {
			t.Errorf("%d entries of %d bytes", len(entries), len(b))
		}
	})
}

func TestPicturesComeOutOfAFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "3", "1"), 0o755); err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(dir, "3", "1", "2.png"), picture(t, 3), 0o600)
	os.WriteFile(filepath.Join(dir, "3", "1", "3.png"), []byte("<html>"), 0o600)
	m, err := Open(Config{From: dir, Attribution: "自采"})
	if err != nil || m.Info != (Info{3, 3, 256, "自采"}) {
		t.Fatalf("%+v %v", m, err)
	}
	if b, err := read(t, m, 3, 1, 2); err != nil || !bytes.Equal(b, picture(t, 3)) {
		t.Error(err)
	}
	if _, err := read(t, m, 3, 1, 1); !errors.Is(err, ErrNoTile) {
		t.Error(err)
	}
	if _, err := read(t, m, 3, 1, 3); !errors.Is(err, ErrAway) {
		t.Error("what is no picture was passed on")
	}
}

func TestPicturesComeFromAnotherServerAndTheKeyStaysHere(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch {
		case r.URL.Query().Get("tk") != "geheim & mehr":
			w.WriteHeader(http.StatusForbidden)
		case r.URL.Path == "/5/1/2":
			w.Write(picture(t, 4))
		case r.URL.Path == "/5/1/3":
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		case r.URL.Path == "/5/1/4":
			w.Write([]byte("<html>quota</html>"))
		case r.URL.Path == "/5/1/5":
			w.Write(append(picture(t, 4), make([]byte, maxPicture)...))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	m, err := Open(Config{From: server.URL + "/{z}/{x}/{y}?tk={key}", Key: "geheim & mehr"})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if b, err := read(t, m, 5, 1, 2); err != nil || !bytes.Equal(b, picture(t, 4)) {
			t.Fatal(err)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("asked %d times for one picture", asked.Load())
	}
	for y, want := range map[uint32]error{3: ErrAway, 4: ErrAway, 5: ErrAway, 6: ErrNoTile} {
		if _, err := read(t, m, 5, 1, y); !errors.Is(err, want) {
			t.Errorf("%d: %v, want %v", y, err, want)
		}
	}
	server.Close()
	if _, err := read(t, m, 5, 2, 2); !errors.Is(err, ErrAway) || strings.Contains(err.Error(), "geheim") {
		t.Errorf("%v", err)
	}
}

func TestAConfigurationThatCannotBeIsRefusedInWords(t *testing.T) {
	empty := t.TempDir()
	text := filepath.Join(empty, "x.pmtiles")
	os.WriteFile(text, []byte("no tiles here"), 0o600)
	for _, c := range []Config{{From: "/nowhere"}, {From: empty}, {From: text}, {From: "https://example.org/{z}/{x}"}, {From: "https://example.org/{z}/{x}/{y}?k={key}"}, {From: "tianditu:vec"}, {From: "tianditu:moon", Key: "k"}} {
		if m, err := Open(c); err == nil || m != nil {
			t.Errorf("%+v was taken", c)
		}
	}
	if m, err := Open(Config{}); m != nil || err != nil {
		t.Errorf("none: %v %v", m, err)
	}
	if m, err := Open(Config{From: "tianditu:vec", Key: "k"}); err != nil || m.Info.Attribution != "天地图" {
		t.Errorf("%+v %v", m, err)
	}
}
