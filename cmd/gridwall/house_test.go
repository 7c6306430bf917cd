package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The stairs of the house: what each room may import of ours. The longest prefix counts. Rooms of one line know nothing
// of each other unless they stand behind the arrow.
var stairs = map[string][]string{
	"geo":        {"geo"},
	"streams":    {"streams"},
	"migrations": {},
	"assets":     {},

	"dashboard/clock":      {},
	"dashboard/postgres":   {},
	"dashboard/live":       {"dashboard/clock"},
	"dashboard/access":     {},
	"dashboard/catalogue":  {"geo/importer", "dashboard/live"},
	"dashboard/roster":     {},
	"dashboard/audit":      {"dashboard/access", "dashboard/live"},
	"dashboard/cases":      {"geo", "dashboard/access", "dashboard/catalogue", "dashboard/clock", "dashboard/live"},
	"dashboard/evaluation": {},
	"dashboard/retention":  {"dashboard/access", "dashboard/audit", "dashboard/cases"},
	"dashboard/persons":    {"dashboard/access", "dashboard/audit"},
	"dashboard/cameras":    {"geo", "streams", "dashboard/access", "dashboard/clock", "dashboard/live"},
	"dashboard/ptz":        {"streams", "dashboard/access", "dashboard/audit", "dashboard/cameras", "dashboard/live"},
	"dashboard/grids":      {"geo", "dashboard/cameras", "dashboard/clock", "dashboard/live"},
	"dashboard/wall":       {"dashboard/access", "dashboard/live"},
	"dashboard/alarms":     {"geo/grid", "dashboard/access", "dashboard/clock", "dashboard/live"},
	"dashboard/layers":     {"geo", "dashboard/access", "dashboard/cameras", "dashboard/cases"},
	"dashboard/api":        {"geo", "streams", "dashboard"},
	"dashboard":            {"geo", "streams", "dashboard"},

	"cmd": {"geo", "streams", "migrations", "assets", "dashboard"},

	"dashboard/live/bench": {"dashboard/live"}, // a module of its own, as cmd/fault is
}

// The files are parsed and not asked of the go tool: a test that asks the go tool is cached stale.
func TestStairsGoDownOnly(t *testing.T) {
	root := "../.."
	files := 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == "data" || strings.HasPrefix(d.Name(), ".") && d.Name() != "..") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		files++
		dir, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		if dir == "migrations/dbtest" { // the tests' way to a database
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		room, allowed := roomOf(dir)
		if allowed == nil {
			t.Errorf("%s belongs to no room: give it its place in the stairs", dir)
		}
		for _, i := range parsed.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			ours, ok := strings.CutPrefix(p, "gridwall/")
			if ok && !within(ours, room) && !within(ours, allowed...) {
				t.Errorf("%s imports %s: %s may know only %v", dir, ours, room, allowed)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Fatalf("only %d files were read: the walk missed the house", files)
	}
}

// roomOf finds the room that a folder belongs to.
func roomOf(dir string) (string, []string) {
	for d := filepath.ToSlash(dir); d != "."; d = path.Dir(d) {
		if allowed, ok := stairs[d]; ok {
			return d, append([]string{}, allowed...)
		}
	}
	return "", nil
}

func within(name string, rooms ...string) bool {
	for _, r := range rooms {
		if name == r || strings.HasPrefix(name, r+"/") {
			return true
		}
	}
	return false
}

func TestNoRoomIsCalledUtil(t *testing.T) {
	err := filepath.WalkDir("../..", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		switch d.Name() {
		case "node_modules", ".git":
			return filepath.SkipDir
		case "util", "utils", "common", "helpers", "models":
			t.Errorf("%s: name the room after what it is about", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
