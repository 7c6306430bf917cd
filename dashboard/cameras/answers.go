package cameras

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"
)

// answerM is how far an answer holds around the place that it was given for, metres.
const answerM = 15

// answer is what somebody said who had looked.
type answer struct {
	sees bool
	at   time.Time
}

const saveAnswer = `
INSERT INTO sight_answer (case_id, camera, geom, sees, account) VALUES ($1, $2, ST_SetSRID(ST_MakePoint($3, $4), 4326), $5, $6)
ON CONFLICT (case_id, camera) DO UPDATE SET geom = EXCLUDED.geom, sees = EXCLUDED.sees, account = EXCLUDED.account, at = now()`

// Answer keeps what an account says of a camera: that it sees the place p (lon, lat) of a case, or not. The last answer of a
// case holds; nil takes it back.
//
// Errors: ErrNotFound for a camera that one may not know of.
func (r *Room) Answer(ctx context.Context, account int, caseID int64, camera string, p orb.Point, sees *bool, secret bool) error {
	if _, err := r.Get(camera, secret); err != nil {
		return err
	}
	if sees == nil {
		_, err := r.pool.Exec(ctx, `DELETE FROM sight_answer WHERE case_id = $1 AND camera = $2`, caseID, camera)
		return err
	}
	_, err := r.pool.Exec(ctx, saveAnswer, caseID, camera, p[0], p[1], *sees, account)
	return err
}

// A degree is at most 111.32 km: the box holds the circle up to 60° of latitude, and the index finds it.
const answersAt = `
SELECT DISTINCT ON (camera) camera, sees, at
FROM sight_answer
WHERE geom && ST_Expand(ST_SetSRID(ST_MakePoint($1, $2), 4326), 2 * $3 / 111320.0)
  AND ST_DWithin(geom::geography, ST_SetSRID(ST_MakePoint($1, $2), 4326)::geography, $3)
ORDER BY camera, at DESC`

// answers are the last answers of each camera around p.
func (r *Room) answers(ctx context.Context, p orb.Point) (map[string]answer, error) {
	rows, err := r.pool.Query(ctx, answersAt, p[0], p[1], float64(answerM))
	if err != nil {
		return nil, err
	}
	said := map[string]answer{}
	var camera string
	var a answer
	_, err = pgx.ForEachRow(rows, []any{&camera, &a.sees, &a.at}, func() error {
		said[camera] = a
		return nil
	})
	return said, err
}

// heed lets the word of somebody who looked stand above what was computed.
func (n *Near) heed(a answer) {
	n.InView, n.Answered = &a.sees, true
	on := a.at.Local().Format("01-02")
	metres := int(n.DistanceM)
	if a.sees {
		n.Reason = Text{fmt.Sprintf("值守员确认看得见（%s），%d 米", on, metres), fmt.Sprintf("an operator saw it (%s), %d m", on, metres)}
	} else {
		n.Reason = Text{fmt.Sprintf("值守员确认看不见（%s），%d 米", on, metres), fmt.Sprintf("an operator could not see it (%s), %d m", on, metres)}
	}
}
