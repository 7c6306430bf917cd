package geo

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"

	"gridwall/geo/building"
	"gridwall/geo/grid"
)

// Result is one thing found by Search.
type Result struct {
	Type     string // "grid" or "building"
	ID       string // the grid's code, the building's id
	Name     string
	Detail   string // the address, or the grids above
	Location orb.Point
}

// searchText is what can be searched for, a line each: one pass over it, as fast as memory, finds a word in a million
// buildings. What is written and how it is spelled are two texts: a query is in one script or the other.
type searchText struct {
	written, spelled []shard
}

// shard is a part of a text; several are searched at once.
type shard struct {
	text string
	ends []int // of each line
	from int   // number of its first line
}

const shards = 4

// entry is one line: its names first, best first.
type entry struct{ name, address, code string }

func newSearchText(n int, at func(i int) entry) *searchText {
	s := &searchText{make([]shard, shards), make([]shard, shards)}
	var all sync.WaitGroup
	for part := range shards {
		all.Go(func() { s.written[part], s.spelled[part] = lines(part*n/shards, (part+1)*n/shards, at) })
	}
	all.Wait()
	return s
}

// lines writes and spells the entries from…to, to not included.
func lines(from, to int, at func(i int) entry) (written, spelled shard) {
	spell := speller{}
	var w, p strings.Builder
	written, spelled = shard{from: from, ends: make([]int, 0, to-from)}, shard{from: from, ends: make([]int, 0, to-from)}
	for i := from; i < to; i++ {
		e := at(i)
		name, address := normal(e.name), normal(e.address)
		for _, part := range []string{name, address, normal(e.code)} {
			w.WriteString(part)
			w.WriteByte('\t')
		}
		w.WriteByte('\n')
		written.ends = append(written.ends, w.Len())
		full, initials := spell.spell(cmp.Or(name, address))
		p.WriteString(full)
		p.WriteByte('\t')
		p.WriteString(initials)
		if name != "" && address != "" {
			p.WriteByte('\t')
			_, initials := spell.spell(address)
			p.WriteString(initials)
		}
		p.WriteByte('\n')
		spelled.ends = append(spelled.ends, p.Len())
	}
	written.text, spelled.text = w.String(), p.String()
	return written, spelled
}

// candidates is how many matches of a shard are looked at to find the best.
const candidates = 1000

// latin says that a query may be pinyin.
func latin(q string) bool {
	letters := false
	for _, r := range q {
		if r >= utf8.RuneSelf {
			return false
		}
		letters = letters || r >= 'a' && r <= 'z'
	}
	return letters
}

// lines are the numbers of the lines that hold q, in order; q is normal.
func (s *searchText) lines(q string) []int {
	texts := s.written
	if latin(q) {
		texts = slices.Concat(texts, s.spelled)
	}
	found := make([][]int, len(texts))
	var all sync.WaitGroup
	for i := range texts {
		all.Go(func() {
			word := q
			if i >= len(s.written) {
				word = strings.ReplaceAll(q, " ", "")
			}
			found[i] = texts[i].lines(word)
		})
	}
	all.Wait()
	lines := slices.Concat(found...)
	slices.Sort(lines)
	return slices.Compact(lines)
}

func (s *shard) lines(q string) (lines []int) {
	for at := 0; at < len(s.text) && len(lines) < candidates; {
		i := strings.Index(s.text[at:], q)
		if i < 0 {
			break
		}
		line := sort.SearchInts(s.ends, at+i+1)
		lines = append(lines, s.from+line)
		at = s.ends[line]
	}
	return lines
}

// Search finds grids and buildings by name, address, code, pinyin or initials, at most limit. How a thing is written does
// not matter: capitals, full-width signs, 號 or 号, 十二 or 12.
//
// Best first: whole names, then names that begin with q, then names that contain it, then addresses and codes; grids before
// buildings, short names before long. Of very many matching buildings the first 4,000 are compared.
func (m *Map) Search(q string, limit int) []Result {
	if strings.ContainsAny(q, "\t\n") {
		return nil
	}
	q = normal(strings.TrimSpace(q))
	if q == "" || limit <= 0 {
		return nil
	}
	type match struct {
		Result
		rank int
	}
	var found []match
	spell := speller{}
	g := m.grids.Load()
	for _, i := range g.search().lines(q) {
		c := g.tree.Cells()[i]
		path := g.tree.Path(c.Code)
		found = append(found, match{Result{"grid", c.Code, c.Name, path[:len(path)-1].Names(), c.Label}, 2 * rankOf(q, c.Name, spell)})
	}
	b := m.buildings.Load()
	for _, i := range b.search().lines(q) {
		x := &b.all[i]
		name := cmp.Or(x.Name, x.Address, x.Code)
		found = append(found, match{Result{"building", strconv.FormatUint(x.ID, 10), name, x.Address, x.Point}, 2*rankOf(q, name, spell) + 1})
	}
	slices.SortStableFunc(found, func(a, b match) int {
		return cmp.Or(a.rank-b.rank, len(a.Name)-len(b.Name), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	results := make([]Result, 0, min(limit, len(found)))
	for _, f := range found[:min(limit, len(found))] {
		results = append(results, f.Result)
	}
	return results
}

// rankOf says how well q fits a name as it is written or spelled: 0 the whole name … 3 elsewhere.
func rankOf(q, name string, spell speller) int {
	name = normal(name)
	full, initials := spell.spell(name)
	best := 3
	for _, n := range []string{name, full, initials} {
		switch {
		case n == q:
			return 0
		case strings.HasPrefix(n, q):
			best = min(best, 1)
		case strings.Contains(n, q):
			best = min(best, 2)
		}
	}
	return best
}

func gridEntry(cells []*grid.Cell) func(i int) entry {
	return func(i int) entry { return entry{cells[i].Name, "", cells[i].Code} }
}

func buildingEntry(all []building.Building) func(i int) entry {
	return func(i int) entry { return entry{all[i].Name, all[i].Address, all[i].Code} }
}

// Nearest is a building near a place.
type Nearest struct {
	*building.Building
	DistanceM float64
}

// cellSize (degrees) of the squares that buildings are looked up by: about 100 m.
const cellSize = 0.001

// squares are the buildings by the square that they stand in.
type squares map[[2]int32][]int32

func squareOf(p orb.Point) [2]int32 {
	return [2]int32{int32(math.Floor(p[0] / cellSize)), int32(math.Floor(p[1] / cellSize))}
}

func newSquares(all []building.Building) squares {
	s := squares{}
	for i := range all {
		key := squareOf(all[i].Point)
		s[key] = append(s[key], int32(i))
	}
	return s
}

// NearestBuildings are the buildings within reachM metres of p, the nearest first, at most limit. The distance is to the
// building's point.
func (m *Map) NearestBuildings(p orb.Point, reachM float64, limit int) []Nearest {
	b := m.buildings.Load()
	squares := b.squares()
	var near []Nearest
	const metres = 111_000
	high := int32(math.Ceil(reachM / metres / cellSize))
	wide := int32(math.Ceil(reachM / metres / cellSize / max(math.Cos(p[1]*math.Pi/180), 0.01)))
	at := squareOf(p)
	for y := at[1] - high; y <= at[1]+high; y++ {
		for x := at[0] - wide; x <= at[0]+wide; x++ {
			for _, i := range squares[[2]int32{x, y}] {
				if d := geo.Distance(p, b.all[i].Point); d <= reachM {
					near = append(near, Nearest{&b.all[i], d})
				}
			}
		}
	}
	slices.SortFunc(near, func(a, b Nearest) int { return cmp.Or(cmp.Compare(a.DistanceM, b.DistanceM), cmp.Compare(a.ID, b.ID)) })
	return near[:min(limit, len(near))]
}

// Address is a building that an address may mean; Score is 1 for the very address, 0 for nothing in common.
type Address struct {
	*building.Building
	Score float64
}

// ends of an address's parts, from the country down to the room.
const parts = "省市区县旗镇乡路街巷弄道号楼栋幢元层室户村组"

// Geocode finds what an address means, the best first, at most limit. Parts that no register has are given up, the room
// first (…3单元301室), then the province (内蒙古自治区…); the score says how much of both texts agrees.
func (m *Map) Geocode(address string, limit int) []Address {
	q := strings.ReplaceAll(normal(strings.TrimSpace(address)), " ", "")
	b := m.buildings.Load()
	var pieces []string
	from := 0
	for i, r := range q {
		if strings.ContainsRune(parts, r) {
			pieces = append(pieces, q[from:i+utf8.RuneLen(r)])
			from = i + utf8.RuneLen(r)
		}
	}
	if from < len(q) {
		pieces = append(pieces, q[from:])
	}
	scores := map[int]float64{}
	for drop := 0; drop < len(pieces) && len(scores) == 0; drop++ { // the longest run of parts that is found anywhere
		for start := 0; start <= drop; start++ {
			word := strings.Join(pieces[start:len(pieces)-drop+start], "")
			if utf8.RuneCountInString(word) < 2 {
				continue
			}
			for _, i := range b.search().lines(word) {
				x := &b.all[i]
				scores[i] = max(scores[i], likeness(q, normal(x.Address)), likeness(q, normal(x.Name)), likeness(q, normal(x.Address+x.Name)))
			}
		}
	}
	found := make([]Address, 0, len(scores))
	for i, score := range scores {
		found = append(found, Address{&b.all[i], score})
	}
	slices.SortFunc(found, func(a, b Address) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID)) })
	return found[:min(limit, len(found))]
}

// likeness is Dice's coefficient of the pairs of signs.
func likeness(a, b string) float64 {
	if a == b && a != "" {
		return 1
	}
	x, y := pairs(a), pairs(b)
	total, both := 0, 0
	for p, n := range x {
		total += n
		both += min(n, y[p])
	}
	for _, n := range y {
		total += n
	}
	if total == 0 {
		return 0
	}
	return 2 * float64(both) / float64(total)
}

func pairs(s string) map[[2]rune]int {
	all := map[[2]rune]int{}
	runes := []rune(strings.ReplaceAll(s, " ", ""))
	for i := 1; i < len(runes); i++ {
		all[[2]rune{runes[i-1], runes[i]}]++
	}
	return all
}
