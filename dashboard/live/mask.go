package live

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// maskedType is an event that says which earlier ones were masked: their data is no longer what the chain was made of, but what
// this event, which is in the chain, says of it.
const maskedType = "log.masked"

// masks is the data of such an event: numbers, and the SHA-256 (hex) of what stands there now.
type masks struct {
	Masked []mask `json:"masked"`
}

type mask struct {
	Seq int64  `json:"seq"`
	Sum string `json:"sum"`
}

// Masked is an event whose data is to be other than what was written.
type Masked struct {
	Seq  int64
	At   time.Time
	Data []byte // JSON
}

// MaskedBy is how many events an event says were masked; 0: it is no such event.
func MaskedBy(e Event) int {
	var told masks
	if e.Type != maskedType || json.Unmarshal(e.Data, &told) != nil {
		return 0
	}
	return len(told.Masked)
}

// maskedAtOnce bounds the size of one event.
const maskedAtOnce = 2000

// Mask writes other data over that of events, for what the law has forgotten. The hashes of the chain stay, so that nothing that
// follows breaks; what the events say now is in the chain by events of its own, and Verify counts them. It locks the head of the
// log as Append does, and comes last in tx before Append. A node that runs tells the old text to who follows from before until
// its memory of the newest events has moved on.
func Mask(ctx context.Context, tx pgx.Tx, at time.Time, list []Masked) error {
	for len(list) > 0 {
		n := min(len(list), maskedAtOnce)
		var write pgx.Batch
		told := masks{make([]mask, n)}
		for i, m := range list[:n] {
			write.Queue(`UPDATE event SET data = $3 WHERE seq = $1 AND at = $2`, m.Seq, m.At, m.Data)
			sum := sha256.Sum256(m.Data)
			told.Masked[i] = mask{m.Seq, hex.EncodeToString(sum[:])}
		}
		if err := tx.SendBatch(ctx, &write).Close(); err != nil {
			return fmt.Errorf("mask events: %w", err)
		}
		if _, err := Append(ctx, tx, Draft{Type: maskedType, At: at, Needs: "audit.read", Data: told}); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// masked are the sums of the events that were masked; what was masked twice has the last one.
func masked(ctx context.Context, tx pgx.Tx) (map[int64]string, error) {
	rows, err := tx.Query(ctx, `SELECT data FROM event WHERE type = $1 ORDER BY seq`, maskedType)
	if err != nil {
		return nil, err
	}
	sums := map[int64]string{}
	var text []byte
	_, err = pgx.ForEachRow(rows, []any{&text}, func() error {
		var told masks
		if err := json.Unmarshal(text, &told); err != nil {
			return err
		}
		for _, m := range told.Masked {
			sums[m.Seq] = m.Sum
		}
		return nil
	})
	return sums, err
}
