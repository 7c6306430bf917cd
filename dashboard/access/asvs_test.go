package access_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// asvs are the requirements of levels 1 and 2 of ASVS 5.0.0: section, first to last.
const asvs = `
1.1:1-2 1.2:1-9 1.3:1-11 1.4:1-3 1.5:1-2 2.1:1-3 2.2:1-3 2.3:1-4 2.4:1-1 3.2:1-2 3.3:1-4 3.4:1-6 3.5:1-5
3.7:1-2 4.1:1-3 4.2:1-1 4.3:1-2 4.4:1-4 5.1:1-1 5.2:1-3 5.3:1-2 5.4:1-3 6.1:1-3 6.2:1-12 6.3:1-4 6.4:1-4
6.5:1-5 6.6:1-3 6.8:1-4 7.1:1-3 7.2:1-4 7.3:1-2 7.4:1-5 7.5:1-2 7.6:1-2 8.1:1-2 8.2:1-3 8.3:1-1 8.4:1-1
9.1:1-3 9.2:1-4 10.1:1-2 10.2:1-2 10.3:1-4 10.4:1-11 10.5:1-5 10.6:1-2 10.7:1-3 11.1:1-2 11.2:1-3 11.3:1-3
11.4:1-4 11.5:1-1 11.6:1-1 12.1:1-3 12.2:1-2 12.3:1-4 13.1:1-1 13.2:1-5 13.3:1-2 13.4:1-5 14.1:1-2 14.2:1-4
14.3:1-3 15.1:1-3 15.2:1-3 15.3:1-7 16.1:1-1 16.2:1-5 16.3:1-4 16.4:1-3 16.5:1-3 17.1:1-1 17.2:1-4 17.3:1-2`

func TestTheChecklistIsWholeAndItsTestsExist(t *testing.T) {
	wanted := map[string]bool{}
	for part := range strings.FieldsSeq(asvs) {
		section, numbers, _ := strings.Cut(part, ":")
		for span := range strings.SplitSeq(numbers, ",") {
			var first, last int
			if n, _ := fmt.Sscanf(span, "%d-%d", &first, &last); n == 1 {
				last = first
			}
			for ; first <= last; first++ {
				wanted[fmt.Sprintf("%s.%d", section, first)] = true
			}
		}
	}
	if len(wanted) != 253 {
		t.Fatalf("%d requirements, want 253", len(wanted))
	}
	there := map[string]bool{}
	name := regexp.MustCompile(`func (Test\w+)\(`)
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && len(d.Name()) > 2):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range name.FindAllSubmatch(text, -1) {
			there[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("asvs.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^\| ([0-9][0-9., ]*) \| (\S+) \| (.*) \|$`)
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		if m[2] != "met" && m[2] != "not" && m[2] != "n/a" || len(m[3]) < 6 {
			t.Errorf("%s is %q: %q", m[1], m[2], m[3])
		}
		for id := range strings.SplitSeq(m[1], ", ") {
			if !wanted[id] {
				t.Errorf("%s stands twice, or is no requirement of level 2", id)
			}
			delete(wanted, id)
		}
	}
	for id := range wanted {
		t.Errorf("%s is missing", id)
	}
	for _, m := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(string(text), -1) {
		if !there[m[1]] {
			t.Errorf("there is no %s", m[1])
		}
	}
}
