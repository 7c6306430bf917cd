package seal_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"gridwall/dashboard/cameras/seal"
)

func TestWhatIsSealedOpensForItsCameraAlone(t *testing.T) {
	ring, err := seal.Open(filepath.Join(t.TempDir(), "new", seal.File), true)
	if err != nil {
		t.Fatal(err)
	}
	sealed, id := ring.Seal("C1", "admin:geheim")
	again, _ := ring.Seal("C1", "admin:geheim")
	other, _ := ring.Seal("C2", "admin:geheim")
	if !bytes.Equal(sealed, again) || bytes.Equal(sealed, other) || bytes.Contains(sealed, []byte("geheim")) {
		t.Error("the same is sealed the same, for one camera, and is not to be read")
	}
	if got, err := ring.Open("C1", sealed, *id); got != "admin:geheim" || err != nil {
		t.Error(got, err)
	}
	if _, err := ring.Open("C2", sealed, *id); !errors.Is(err, seal.ErrBroken) {
		t.Error("it opened for another camera:", err)
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := ring.Open("C1", sealed, *id); !errors.Is(err, seal.ErrBroken) {
		t.Error("it opened although it was changed:", err)
	}
	if _, err := ring.Open("C1", nil, *id); !errors.Is(err, seal.ErrBroken) {
		t.Error(err)
	}
}

func TestTheKeyFileIsMadeOnceAndForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), seal.File)
	if _, err := seal.Open(path, false); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	first, err := seal.Open(path, true)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	second, err := seal.Open(path, true)
	if err != nil || first.Current() != second.Current() {
		t.Error("a second start made another key", err)
	}
}

func TestARotatedKeyIsFoundByWhoHasTheOldFileInMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), seal.File)
	server, err := seal.Open(path, true)
	if err != nil {
		t.Fatal(err)
	}
	old, oldID := server.Seal("C1", "a:b")
	command, err := seal.Open(path, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Rotate(); err != nil {
		t.Fatal(err)
	}
	if got, err := command.Open("C1", old, *oldID); got != "a:b" || err != nil {
		t.Error(got, err)
	}
	if err := command.Forget(); err != nil {
		t.Fatal(err)
	}
	if got, err := command.Open("C1", old, *oldID); got != "a:b" || err != nil {
		t.Error("the key before is not kept for servers that are late:", got, err)
	}
	if err := command.Rotate(); err != nil {
		t.Fatal(err)
	}
	sealed, id := command.Seal("C1", "a:b")
	if *id == *oldID {
		t.Error("the old key still seals")
	}
	if err := command.Forget(); err != nil {
		t.Fatal(err)
	}
	if got, err := server.Open("C1", sealed, *id); got != "a:b" || err != nil {
		t.Error(got, err)
	}
	if _, err := command.Open("C1", old, *oldID); !errors.Is(err, seal.ErrNoKey) {
		t.Error("a forgotten key still opens:", err)
	}
}

func TestKeysOfTheEnvironmentStayAsTheyAre(t *testing.T) {
	ring, err := seal.Parse("b:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=, a:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=")
	if err != nil || ring.Current() != "b" {
		t.Fatal(err)
	}
	if err := ring.Rotate(); !errors.Is(err, seal.ErrFixed) {
		t.Error(err)
	}
	for _, text := range []string{"", "a", "a:c2hvcnQ=", ":MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="} {
		if _, err := seal.Parse(text); err == nil || bytes.Contains([]byte(err.Error()), []byte("c2hvcnQ")) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
