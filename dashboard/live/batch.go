package live

import (
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// Clerk writes one kind of change. Take queues the questions that the entries raise and returns what decides them: that is
// called with the answers, while the head of the log is locked and nobody else can write. For each entry it sets Err, or
// calls Batch.Append and queues the rows. An attempt can fail after it, and both are called again.
//
// Guess decides without asking, from what the clerk's last batch left; head is the hash of the newest event, and the batch
// fails where that is another by now, or where the rows contradict it: then Take is called. nil: it cannot do without. A
// clerk without Guess always asks.
type Clerk struct {
	Take  func(ask *pgx.Batch, entries []*Entry) (decide func(b *Batch))
	Guess func(head []byte, entries []*Entry) (decide func(b *Batch))
}

// Entry is one change on its way into the log.
type Entry struct {
	Ask any   // what was submitted, for the clerk
	Seq int64 // the number of its event
	Err error // why there is none

	clerk *Clerk
	state atomic.Int32
	since time.Time
	done  chan struct{}
}

const (
	waiting   = iota
	taken     // an attempt is under way
	withdrawn // the caller has gone
)

// Batch is what a transaction of the writer will store.
type Batch struct {
	pgx.Batch
	events  []Event
	head    head
	foreign int64
	months  map[time.Time]bool
	rows    eventRows
}

type eventRows struct {
	seqs   []int64
	types  []string
	ats    []time.Time
	grids  []string
	needs  []string
	data   []string
	hashes [][]byte
}

// Head is the hash of the newest event, those of the batch included.
func (b *Batch) Head() []byte { return b.head.hash }

// Foreign is the number of the newest event that another than this writer wrote, or may have: what comes after it came through
// this writer's clerks.
func (b *Batch) Foreign() int64 { return b.foreign }

// Append gives the entry's event its number.
func (b *Batch) Append(entry *Entry, d Draft) {
	e, err := d.event()
	if err != nil {
		entry.Err = err
		return
	}
	b.head.next(&e)
	entry.Seq = e.Seq
	b.events = append(b.events, e)
	b.months[month(e.At)] = true
	r := &b.rows
	r.seqs, r.types, r.ats, r.grids, r.needs = append(r.seqs, e.Seq), append(r.types, e.Type), append(r.ats, e.At), append(r.grids, e.Grid), append(r.needs, e.Needs)
	r.data, r.hashes = append(r.data, string(e.Data)), append(r.hashes, b.head.hash)
}

func month(at time.Time) time.Time { return time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC) }
