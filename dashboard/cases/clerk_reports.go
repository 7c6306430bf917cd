package cases

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/access"
	"gridwall/dashboard/live"
)

// reporting is a report on its way into the log.
type reporting struct {
	who      access.Identity
	in       Report
	flow     *Flow
	template Case
	pictures []picture

	c       *Case // once written
	repeats int64 // the case of an earlier report with the same key
}

// What every report asks for, as one statement: a report that comes alone would pay for each.
const takeNumbers = `
SELECT ARRAY(SELECT nextval('case_file_id_seq') FROM generate_series(1, $1)),
    ARRAY(SELECT COALESCE((SELECT last FROM case_serial WHERE prefix = p.prefix), 0) FROM unnest($2::text[]) WITH ORDINALITY AS p (prefix, n) ORDER BY n)`

// takeReports is the clerk of reports.
func (r *Room) takeReports(ask *pgx.Batch, entries []*live.Entry) func(*live.Batch) {
	now := r.clock.Now()
	var accounts []int
	var keys, photos []string
	prefixes := map[string]bool{}
	for _, e := range entries {
		in := e.Ask.(*reporting)
		if in.in.Key != "" {
			accounts, keys = append(accounts, in.who.Account), append(keys, in.in.Key)
		}
		for _, p := range in.pictures {
			photos = append(photos, p.id)
		}
		prefixes[r.prefix(*in.template.Grid, now)] = true
	}
	known := askKeys(ask, accounts, keys)
	var ids []int64
	serials := map[string]int{}
	list := slices.Collect(maps.Keys(prefixes))
	ask.Queue(takeNumbers, len(entries), list).QueryRow(func(row pgx.Row) error {
		var last []int
		err := row.Scan(&ids, &last)
		slices.Sort(ids)
		for i, n := range last {
			serials[list[i]] = n
		}
		return err
	})
	stored := uploads{}
	stored.ask(ask, photos)
	return func(b *live.Batch) {
		if bytes.Equal(b.Head(), r.left.head) && len(r.left.serials) < mostSerials { // what other counties have got still holds
			for prefix, last := range r.left.serials {
				if _, asked := serials[prefix]; !asked {
					serials[prefix] = last
				}
			}
		}
		r.decideReports(b, entries, now, known, stored, ids, serials)
	}
}

// left is what a batch of reports left: the newest id and each day's last number of a county. It holds as long as the
// batch's last event is the newest of the log: who takes ids or numbers writes an event, or takes them back.
type left struct {
	head    []byte
	id      int64
	serials map[string]int
}

// mostSerials is how many counties' days are remembered.
const mostSerials = 256

// guessReports decides reports whose days and counties the last batch has met. A key that was used before shows itself when
// it is stored.
func (r *Room) guessReports(head []byte, entries []*live.Entry) func(*live.Batch) {
	if r.left.head == nil || !bytes.Equal(head, r.left.head) {
		return nil
	}
	now := r.clock.Now()
	ids := make([]int64, len(entries))
	for i, e := range entries {
		in := e.Ask.(*reporting)
		if _, ok := r.left.serials[r.prefix(*in.template.Grid, now)]; !ok || len(in.pictures) > 0 {
			return nil
		}
		ids[i] = r.left.id + 1 + int64(i)
	}
	serials := maps.Clone(r.left.serials)
	return func(b *live.Batch) {
		r.decideReports(b, entries, now, map[keyOf]keyed{}, nil, ids, serials)
	}
}

// decideReports makes cases of the reports, with these ids and the numbers that follow serials.
func (r *Room) decideReports(b *live.Batch, entries []*live.Entry, now time.Time, known map[keyOf]keyed, stored uploads, ids []int64, serials map[string]int) {
	var rows reportRows
	var claims pgx.Batch // of photos, once the cases are there
	moved := map[string]int{}
	for i, e := range entries {
		in := e.Ask.(*reporting)
		in.c, in.repeats = nil, 0
		key := keyOf{in.who.Account, in.in.Key}
		if before, ok := known[key]; ok && in.in.Key != "" {
			if in.repeats, e.Seq = before.case_, before.seq; !slices.Equal(before.sum, in.in.Sum[:]) {
				e.Err = ErrKeyReused
			}
			continue
		}
		if e.Err = stored.usable(in.who, in.pictures); e.Err != nil {
			continue
		}
		prefix := r.prefix(*in.template.Grid, now)
		if serials[prefix] >= serial {
			e.Err = fmt.Errorf("case number: more than %d cases in one day", serial)
			continue
		}
		serials[prefix]++
		moved[prefix] = serials[prefix]
		c := in.template
		in.c = &c
		c.ID, c.Number = ids[i], fmt.Sprintf("%s%05d", prefix, serials[prefix])
		c.State, c.ReportedAt, c.UpdatedAt, c.open, c.Version = in.flow.Start.To, now, now, true, 1
		c.Photos, c.Clocks, c.Lines = []Photo{}, []Clock{}, in.flow.seenBy
		r.startClocks(in.flow, &c, "", now, func(k Clock) { rows.clock(&c, k) })
		stored.claim(&claims, &c, 1, in.pictures)
		r.around.put(&c)
		c.alone = r.around.alone(&c, b.Foreign())
		r.name(&c)
		b.Append(e, live.Draft{Type: "case.reported", At: now, Grid: *c.Grid,
			Data: change{&c, madeNow{Move: in.flow.Start.Move, To: c.State, By: By{in.who.Name, in.who.Role}, At: now}}})
		rows.add(&c, in, e.Seq, now)
		if in.in.Key != "" {
			known[key] = keyed{in.in.Sum[:], c.ID, e.Seq}
		}
	}
	if len(rows.ids) > 0 {
		rows.queue(b, moved)
		for _, q := range claims.QueuedQueries {
			b.Queue(q.SQL, q.Arguments...)
		}
	}
	r.left = left{b.Head(), ids[len(ids)-1], serials}
}
