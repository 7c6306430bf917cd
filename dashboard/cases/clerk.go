package cases

import (
	"time"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/access"
)

// change is the data of case.reported and case.moved.
type change struct {
	Case *Case   `json:"case"`
	Move madeNow `json:"move"`
}

type madeNow struct {
	Move string    `json:"move"`
	From *string   `json:"from"`
	To   string    `json:"to"`
	By   By        `json:"by"`
	At   time.Time `json:"at"`
	Note *string   `json:"note"`

	Department *string    `json:"department,omitempty"` // that it gave the case to
	Rating     *int       `json:"rating,omitempty"`
	Stopped    []Finished `json:"stopped,omitempty"` // the clocks that it stopped
	Reply      *Text      `json:"reply,omitempty"`   // what the reporters were told
}

type keyOf struct {
	account int
	key     string
}

type keyed struct {
	sum        []byte
	case_, seq int64
}

const (
	// A lookup by the index for each key, however the planner guesses.
	findKeys = `
SELECT k.account, k.key, i.sum, i.case_id, i.seq
FROM unnest($1::int[], $2::text[]) AS k (account, key)
CROSS JOIN LATERAL (SELECT sum, case_id, seq FROM idempotency WHERE account = k.account AND key = k.key LIMIT 1) AS i`
	readPhotos = `SELECT id, account, at, case_id IS NOT NULL FROM photo WHERE id = ANY($1)`
	claimPhoto = `UPDATE photo SET case_id = $2, n = $3, kind = $4 WHERE id = $1`
)

// uploads are the photos that entries name, as they are stored.
type uploads map[string]*upload

type upload struct {
	account int
	at      time.Time
	used    bool
}

func (u uploads) ask(b *pgx.Batch, ids []string) {
	if len(ids) == 0 {
		return
	}
	b.Queue(readPhotos, ids).Query(func(rows pgx.Rows) error {
		var id string
		var p upload
		_, err := pgx.ForEachRow(rows, []any{&id, &p.account, &p.at, &p.used}, func() error {
			found := p
			u[id] = &found
			return nil
		})
		return err
	})
}

// usable says whether the account may put the pictures into a case.
func (u uploads) usable(who access.Identity, pictures []picture) error {
	for _, p := range pictures {
		if found := u[p.id]; found == nil || found.account != who.Account || found.used {
			return invalid("unknown_photo", "照片未上传，或已属于其他案件", "the photo was not uploaded by you, or belongs to a case already")
		}
	}
	return nil
}

// claim puts the pictures into the case as those of move n.
func (u uploads) claim(b *pgx.Batch, c *Case, n int, pictures []picture) {
	for _, p := range pictures {
		found := u[p.id]
		found.used = true
		b.Queue(claimPhoto, p.id, c.ID, n, p.kind)
		c.Photos = append(c.Photos, Photo{ID: p.id, Kind: p.kind, URL: photoURL(p.id), At: found.at.UTC()})
	}
}

// askKeys asks which of the keys were used before.
func askKeys(ask *pgx.Batch, accounts []int, keys []string) map[keyOf]keyed {
	known := map[keyOf]keyed{}
	if len(keys) == 0 {
		return known
	}
	ask.Queue(findKeys, accounts, keys).Query(func(rows pgx.Rows) error {
		var k keyOf
		var v keyed
		_, err := pgx.ForEachRow(rows, []any{&k.account, &k.key, &v.sum, &v.case_, &v.seq}, func() error {
			known[k] = v
			v.sum = nil
			return nil
		})
		return err
	})
	return known
}
