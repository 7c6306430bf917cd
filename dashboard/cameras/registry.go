package cameras

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"gridwall/streams"
)

// Record is a camera as those see it who look after it: everything but what opens it.
type Record struct {
	*Camera
	Details
	URL         string `json:"url"` // without credentials
	SubURL      string `json:"sub_url"`
	Credentials bool   `json:"credentials"` // there are some
	Secret      bool   `json:"secret"`
	Pinned      bool   `json:"pinned"`
	Enabled     bool   `json:"enabled"`
}

func (c *Camera) record() Record {
	return Record{Camera: c, Details: c.details, URL: c.stream.url.shown(), SubURL: c.stream.sub.shown(),
		Credentials: open(string(c.stream.url)) || open(string(c.stream.sub)) || c.locked, Secret: c.secret, Pinned: c.pinned, Enabled: c.enabled}
}

// Filter chooses cameras of the registry; the zero value chooses all.
type Filter struct {
	States  []streams.State
	Group   *string // the empty group too
	Purpose *string
	Enabled *bool
	// Match says whether a camera's text fits what was typed; nil: all do.
	Match func(text ...string) bool
}

// Registry lists the records that the filter chooses, by name, and how many there are in all.
func (r *Room) Registry(f Filter, secret bool) (records []Record, total int) {
	records = []Record{}
	for _, c := range r.List(secret) {
		total++
		switch {
		case f.States != nil && !slices.Contains(f.States, c.State),
			f.Group != nil && *f.Group != c.details.Group,
			f.Purpose != nil && *f.Purpose != c.Purpose,
			f.Enabled != nil && *f.Enabled != c.enabled,
			f.Match != nil && !f.Match(c.ID, c.Name, c.details.Address, c.details.Upstream, c.details.Switch, c.stream.url.shown()):
			continue
		}
		records = append(records, c.record())
	}
	slices.SortFunc(records, func(a, b Record) int { return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID)) })
	return records, total
}

// Record is one of the registry; ErrNotFound also for a secret one that may not be seen.
func (r *Room) Record(id string, secret bool) (Record, error) {
	c, err := r.Get(id, secret)
	if err != nil {
		return Record{}, err
	}
	return c.record(), nil
}

// Bulk is one thing done to many cameras.
type Bulk struct {
	IDs    []string `json:"ids"`
	Action string   `json:"action"` // enable, disable, pin, unpin, group, relay, sub, remove
	Value  string   `json:"value"`  // the group's or relay's name (empty: the centre); for sub: auto or none
}

// bulks are the statements of the simple actions; $1 is the ids, $2 the value.
var bulks = map[string]string{
	"enable":  `UPDATE camera SET enabled = true WHERE id = ANY($1) AND NOT enabled AND $2::text IS NOT NULL`,
	"disable": `UPDATE camera SET enabled = false WHERE id = ANY($1) AND enabled AND $2::text IS NOT NULL`,
	"pin":     `UPDATE camera SET pinned = true WHERE id = ANY($1) AND NOT pinned AND $2::text IS NOT NULL`,
	"unpin":   `UPDATE camera SET pinned = false WHERE id = ANY($1) AND pinned AND $2::text IS NOT NULL`,
	"group":   `UPDATE camera SET group_name = $2 WHERE id = ANY($1) AND group_name <> $2`,
	"relay":   `UPDATE camera SET relay = NULLIF($2, '') WHERE id = ANY($1) AND relay IS DISTINCT FROM NULLIF($2, '')`,
	"remove":  `DELETE FROM camera WHERE id = ANY($1) AND $2::text IS NOT NULL`,
}

// maxBulk bounds how many cameras one request may touch.
const maxBulk = 30_000

// Apply does b, to all cameras or none, and returns how many it changed. It returns an *InvalidError for what cannot be done.
func (r *Room) Apply(ctx context.Context, act Act, b Bulk) (n int, err error) {
	b.Value = strings.TrimSpace(b.Value)
	if b.Action == "relay" { // it may have started this moment
		if err := r.loadRelays(ctx); err != nil {
			return 0, err
		}
	}
	switch {
	case len(b.IDs) == 0 || len(b.IDs) > maxBulk:
		return 0, &InvalidError{Text{fmt.Sprintf("请选择 1 至 %d 路摄像机", maxBulk), fmt.Sprintf("choose from 1 to %d cameras", maxBulk)}}
	case len([]rune(b.Value)) > 100:
		return 0, &InvalidError{Text{"分组不超过 100 字", "at most 100 characters of group"}}
	case b.Action == "sub" && b.Value != "auto" && b.Value != "none":
		return 0, &InvalidError{Text{"子码流应为 auto 或 none", "sub-stream is auto or none"}}
	case b.Action == "relay" && b.Value != "" && !slices.ContainsFunc(r.Relays(), func(relay Relay) bool { return relay.ID == b.Value }):
		return 0, &InvalidError{Text{"没有中继 " + b.Value + "：请先在那台机器上运行 gridwall relay --name " + b.Value, "there is no relay " + b.Value + ": first run gridwall relay --name " + b.Value + " on that machine"}}
	case b.Action != "sub" && bulks[b.Action] == "":
		return 0, &InvalidError{Text{"没有这种批量操作", "there is no such bulk action"}}
	}
	err = r.change(ctx, act, func(tx pgx.Tx) error {
		if b.Action == "sub" {
			n, err = r.setSubs(ctx, tx, b.IDs, b.Value == "auto")
			return err
		}
		tag, err := tx.Exec(ctx, bulks[b.Action], b.IDs, b.Value)
		n = int(tag.RowsAffected())
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("%s %d cameras: %w", b.Action, len(b.IDs), err)
	}
	return n, nil
}

// setSubs gives cameras the sub-stream that their maker's addresses have, or takes it away; those of no known form stay.
func (r *Room) setSubs(ctx context.Context, tx pgx.Tx, ids []string, auto bool) (int, error) {
	now, err := r.addressesOf(ctx, tx, ids)
	if err != nil {
		return 0, err
	}
	var batch pgx.Batch
	for id, a := range now {
		to := addresses{url: a.url}
		if auto {
			if to.sub = subOf(a.url); to.sub == "" {
				continue
			}
		}
		if to == a {
			continue
		}
		_, sub, sealed, keyID := to.shut(r.keys, id)
		batch.Queue(`UPDATE camera SET sub_url = $2, sealed = $3, key_id = $4 WHERE id = $1`, id, sub, sealed, keyID)
	}
	return batch.Len(), tx.SendBatch(ctx, &batch).Close()
}

// subForms are how makers write their main stream and their sub-stream.
var subForms = []struct{ main, sub string }{
	{"subtype=0", "subtype=1"},                         // Dahua
	{"/Streaming/Channels/", ""},                       // Hikvision: …01 is main, …02 sub
	{"/h264/ch", ""},                                   // Hikvision, old: /h264/ch1/main/av_stream
	{"/media/video1", "/media/video2"},                 // Uniview
	{"stream=0.sdp", "stream=1.sdp"},                   // Xiongmai
	{"/stream1", "/stream2"},                           // TP-Link
	{"/LiveMedia/ch1/Media1", "/LiveMedia/ch1/Media2"}, // Tiandy
}

// subOf is the address of the sub-stream by the maker's form; empty: the form is not known.
func subOf(main address) address {
	text := string(main)
	for _, form := range subForms {
		switch {
		case !strings.Contains(text, form.main):
		case form.main == "/Streaming/Channels/":
			head, rest, _ := strings.Cut(text, form.main)
			channel, query, queried := strings.Cut(rest, "?")
			if before, ok := strings.CutSuffix(channel, "01"); ok && before != "" {
				if queried {
					query = "?" + query
				}
				return address(head + form.main + before + "02" + query)
			}
		case form.main == "/h264/ch":
			if strings.Contains(text, "/main/") {
				return address(strings.Replace(text, "/main/", "/sub/", 1))
			}
		default:
			return address(strings.Replace(text, form.main, form.sub, 1))
		}
	}
	return ""
}

// Change is one field of a camera that changed. The empty field is the camera itself, added or removed; of credentials
// nothing but that they changed is known.
type Change struct {
	ID     int64     `json:"id"`
	At     time.Time `json:"at"`
	Who    string    `json:"who"` // user name; empty: a command on the server
	How    string    `json:"how"`
	Field  string    `json:"field"`
	Before *string   `json:"before"`
	After  *string   `json:"after"`
}

const changesOf = `
SELECT id, at, who, how, field, before, after
FROM camera_change
WHERE camera = $1 AND ($2 = 0 OR id < $2)
ORDER BY id DESC
LIMIT $3`

// Changes is the history of a camera, the last first; before: only what is older than that one (0: from the last).
func (r *Room) Changes(ctx context.Context, id string, before int64, limit int) ([]Change, error) {
	rows, err := r.pool.Query(ctx, changesOf, id, before, limit)
	if err != nil {
		return nil, fmt.Errorf("changes of camera %s: %w", id, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Change])
	if err != nil {
		return nil, fmt.Errorf("changes of camera %s: %w", id, err)
	}
	for i := range list {
		list[i].At = list[i].At.UTC()
	}
	return list, nil
}
