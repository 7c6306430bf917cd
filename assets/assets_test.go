package assets_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"gridwall/assets"
)

func TestEveryFolderIsEmbedded(t *testing.T) {
	for name, tree := range map[string]fs.FS{
		"dist": assets.Dist(), "demo": assets.Demo(),
		"catalogue": assets.Catalogue(), "scenarios": assets.Scenarios(),
	} {
		entries, err := fs.ReadDir(tree, ".")
		if err != nil {
			t.Errorf("read %s: %v", name, err)
		}
		if len(entries) == 0 {
			t.Errorf("%s is empty: not even its .gitkeep was embedded", name)
		}
	}
}

func TestABuiltFrontEndHasEveryPage(t *testing.T) {
	if _, err := fs.Stat(assets.Dist(), "static"); err != nil {
		const why = "assets/dist is not built: run `npm run build` in assets"
		if os.Getenv("CI") != "" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	pages, err := filepath.Glob("*.html") // their sources
	if err != nil || len(pages) == 0 {
		t.Fatalf("pages %v, %v", pages, err)
	}
	for _, page := range pages {
		if _, err := fs.Stat(assets.Dist(), page); err != nil {
			t.Errorf("stat %s: %v", page, err)
		}
	}
}
