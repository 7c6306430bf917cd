package live

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Topics are all there is to follow.
var Topics = []string{"cases", "alarms", "cameras", "geo", "wall", "positions"}

// topicRights are the rights that topics need.
var topicRights = map[string]string{
	"cases": "case.read", "alarms": "alarm.read", "cameras": "map.read", "geo": "map.read", "wall": "wall.read", "positions": "position.read",
}

// ParseTopics reads a list like "cases,cameras"; empty means all. The first unknown name is returned as it stands.
func ParseTopics(list string) (topics []string, unknown string) {
	if list == "" {
		return Topics, ""
	}
	for t := range strings.SplitSeq(list, ",") {
		if !slices.Contains(Topics, t) {
			return nil, t
		}
		topics = append(topics, t)
	}
	return topics, ""
}

// Viewer is who follows, as far as it decides what one is told.
type Viewer struct {
	// Key is what Config.Again finds the same viewer by: what the request showed of itself.
	Key    string
	Rights []string
	Grid   string // the jurisdiction; empty: everywhere
	Line   string // of what has lines, what is of this one; empty: all of them
}

func (v Viewer) same(o Viewer) bool {
	return v.Grid == o.Grid && v.Line == o.Line && slices.Equal(v.Rights, o.Rights)
}

// area is a jurisdiction: a grid with all below it.
type area struct {
	cells map[string]bool // nil: everywhere
	sum   string
}

// audience is everyone who is told the same: rights × jurisdiction × topics. It is made for its first client, keeps what
// it was told in its ring, and goes some time after its last client.
type audience struct {
	id     string
	grid   string
	line   string
	area   area
	rights map[string]bool
	topics map[string]bool
	ring   *ring

	// Under the hub's lock.
	last    int64 // number of the newest event; 0: of none that is known here
	clients int
	emptyAt time.Time // when the last client left
	toldAt  time.Time // when anything was added
	pingAt  time.Time

	mu       sync.Mutex
	openings map[int64]*opening // by the number that clients come with
}

// spec is which audience one is of.
type spec struct {
	id     string
	viewer Viewer
	area   area
	topics []string
}

// specify says which audience a viewer of topics is of; those it has no right to are left out. The number of the log is in
// the id: numbers of another one mean nothing to its clients; so are the cells, which may be drawn anew.
func specify(log string, v Viewer, a area, topics []string) spec {
	rights := slices.Compact(slices.Sorted(slices.Values(v.Rights)))
	var has []string
	for _, t := range slices.Compact(slices.Sorted(slices.Values(topics))) {
		if slices.Contains(rights, topicRights[t]) {
			has = append(has, t)
		}
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q %q %q %q %q", log, rights, v.Grid, v.Line, a.sum, has)
	return spec{base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:12]), v, a, has}
}

// areaOf is the area of the cells.
func areaOf(cells []string) area {
	a := area{cells: map[string]bool{}}
	sum := sha256.New()
	for _, c := range slices.Sorted(slices.Values(cells)) {
		a.cells[c] = true
		fmt.Fprintf(sum, "%q", c)
	}
	a.sum = string(sum.Sum(nil))
	return a
}

func newAudience(s spec, floor int64, limit int) *audience {
	a := &audience{id: s.id, grid: s.viewer.Grid, line: s.viewer.Line, area: s.area, rights: set(s.viewer.Rights), topics: set(s.topics),
		ring: newRing(floor, limit), openings: map[int64]*opening{}}
	return a
}

func set(names []string) map[string]bool {
	s := make(map[string]bool, len(names))
	for _, n := range names {
		s[n] = true
	}
	return s
}

// Admits says whether the audience is told of e, which is of the lines that are asked for if it matters.
func (a *audience) Admits(e Event, lines func(Event) []string) bool {
	return a.admits(e.Topic(), e.Grid, e.Needs) && (a.line == "" || a.follows(lines(e)))
}

func (a *audience) admits(topic, grid, needs string) bool {
	return a.topics[topic] && (needs == "" || a.rights[needs]) && (grid == "" || a.covers(grid))
}

// follows says whether something of lines (nil: of all) is the audience's.
func (a *audience) follows(lines []string) bool {
	return a.line == "" || lines == nil || slices.Contains(lines, a.line)
}

// covers says whether the audience's jurisdiction holds the cell; outside all cells (empty) only who sees everywhere looks.
func (a *audience) covers(cell string) bool { return a.area.cells == nil || a.area.cells[cell] }

// tail is an event's text after its numbers: the same for every audience.
func tail(e Event) []byte {
	b := make([]byte, 0, len(e.Data)+len(e.Type)+64)
	b = append(b, `,"type":`...)
	b = append(b, quote(e.Type)...)
	b = append(b, `,"at":"`...)
	b = e.At.AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","data":`...)
	b = append(b, e.Data...)
	return append(b, '}')
}

// numbers is an event's text before its tail.
func numbers(dst []byte, seq, prev int64) []byte {
	dst = strconv.AppendInt(append(dst, `{"seq":`...), seq, 10)
	return strconv.AppendInt(append(dst, `,"prev":`...), prev, 10)
}

// tell adds an event to the ring if it is the audience's.
func (a *audience) tell(e Event, lines func(Event) []string, tail []byte) bool {
	if !a.Admits(e, lines) {
		return false
	}
	var head [64]byte
	a.ring.add(e.Seq, opText, numbers(head[:0], e.Seq, a.last), tail)
	a.last = e.Seq
	return true
}

// quote is s as JSON.
func quote(s string) []byte {
	text, _ := json.Marshal(s) // a string always can
	return text
}

// beat is the text of a beat: seq the newest number of the log, prev the newest of the audience.
func beat(seq, prev int64, now time.Time) []byte {
	return fmt.Appendf(nil, `{"type":"beat","seq":%d,"prev":%d,"now":%q}`, seq, prev, now.Format(time.RFC3339Nano))
}
