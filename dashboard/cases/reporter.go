package cases

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/access"
)

// Purposes are what one may want to know a reporter for; the audit keeps which it was.
var Purposes = map[string]Text{
	"call_back": {"回访", "call back"},
	"verify":    {"核实情况", "verify what was reported"},
	"answer":    {"答复", "answer the reporter"},
	"complaint": {"处理投诉", "handle a complaint"},
	"law":       {"依法调取", "required by law"},
}

const reporterOf = `SELECT reporter FROM case_file WHERE id = $1`

// Reporter is who reported a case, in full. The caller writes in the same transaction for what it was asked.
// ErrNotFound where there is no such case, or nobody is named in it.
func (r *Room) Reporter(ctx context.Context, tx pgx.Tx, id int64) (*Reporter, error) {
	var who *Reporter
	err := tx.QueryRow(ctx, reporterOf, id).Scan(&who)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && who == nil {
		return nil, fmt.Errorf("reporter of case %d: %w", id, ErrNotFound)
	}
	if who != nil {
		who.Masked = false // whatever the report said
	}
	return who, err
}

// masked is what shows that there is somebody, and enough to tell one from another.
func (r *Reporter) masked() *Reporter {
	if r == nil {
		return nil
	}
	return &Reporter{Name: access.MaskName(r.Name), Phone: access.MaskPhone(r.Phone), Masked: true}
}
