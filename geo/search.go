package geo

import (
	"cmp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/paulmach/orb"

	"gridwall/geo/building"
)

// Result is one thing found by Search.
type Result struct {
	Type     string // "grid" or "building"
	ID       string // the grid's code, the building's id
	Name     string
	Detail   string // the address, or the grids above
	Location orb.Point
}

// searchText is the names, addresses and codes of all buildings in one text, a line each: one pass over it, as fast as
// memory, finds a word in a million buildings.
type searchText struct {
	text string // lower case
	ends []int  // of each line
}

func newSearchText(all []building.Building) *searchText {
	var b strings.Builder
	s := &searchText{ends: make([]int, 0, len(all))}
	for i := range all {
		for _, part := range []string{all[i].Name, all[i].Address, all[i].Code} {
			b.WriteString(strings.ToLower(strings.ReplaceAll(part, "\n", " ")))
			b.WriteByte('\t')
		}
		b.WriteByte('\n')
		s.ends = append(s.ends, b.Len())
	}
	s.text = b.String()
	return s
}

// candidates is how many matches are looked at to find the best.
const candidates = 2000

// find calls yield with the number of each line that holds q, until it returns false.
func (s *searchText) find(q string, yield func(i int) bool) {
	for at := 0; at < len(s.text); {
		i := strings.Index(s.text[at:], q)
		if i < 0 {
			return
		}
		line := sort.SearchInts(s.ends, at+i+1)
		if !yield(line) {
			return
		}
		at = s.ends[line]
	}
}

// Search finds grids and buildings whose name, code or address contains q, whatever its case, at most limit.
//
// Best first: whole names, then names that begin with q, then names that contain it, then addresses and codes; grids before
// buildings, short names before long. Of more than 2,000 matching buildings the first 2,000 are compared.
func (m *Map) Search(q string, limit int) []Result {
	q = strings.ToLower(strings.TrimSpace(q))
	if q == "" || limit <= 0 || strings.ContainsAny(q, "\t\n") {
		return nil
	}
	type match struct {
		Result
		rank int
	}
	var found []match
	tree := m.grids.Load().tree
	for _, c := range tree.Cells() {
		if rank := rankOf(q, c.Name, c.Code); rank < noMatch {
			path := tree.Path(c.Code)
			found = append(found, match{Result{"grid", c.Code, c.Name, path[:len(path)-1].Names(), c.Label}, 2 * rank})
		}
	}
	b := m.buildings.Load()
	looked := 0
	b.search.find(q, func(i int) bool {
		x := &b.all[i]
		name, detail := cmp.Or(x.Name, x.Address, x.Code), x.Address
		found = append(found, match{Result{"building", strconv.FormatUint(x.ID, 10), name, detail, x.Point}, 2*rankOf(q, name, x.Address) + 1})
		looked++
		return looked < candidates
	})
	slices.SortStableFunc(found, func(a, b match) int {
		return cmp.Or(a.rank-b.rank, len(a.Name)-len(b.Name), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	results := make([]Result, 0, min(limit, len(found)))
	for _, f := range found[:min(limit, len(found))] {
		results = append(results, f.Result)
	}
	return results
}

const noMatch = 4

// rankOf says how well q fits: 0 the whole name … 3 elsewhere.
func rankOf(q, name, other string) int {
	name = strings.ToLower(name)
	switch {
	case name == q:
		return 0
	case strings.HasPrefix(name, q):
		return 1
	case strings.Contains(name, q):
		return 2
	case strings.Contains(strings.ToLower(other), q):
		return 3
	}
	return noMatch
}
