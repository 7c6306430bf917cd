package importer

import (
	"errors"
	"io"

	"github.com/jackc/pgx/v5"
)

// progressEvery is how many rows pass between two calls of Progress.
const progressEvery = 500

// Rows feeds pgx.CopyFrom from r. row turns a record into the table's columns, or gives a *Refusal.
//
// Refusals of the reader and of row go on the report and the rest of the file is still read, so that a person sees all
// faults at once; any other error ends the copy.
func (r *Reader) Rows(report *Report, progress Progress, row func(*Record) ([]any, error)) pgx.CopyFromSource {
	return pgx.CopyFromFunc(func() ([]any, error) {
		for {
			rec, err := r.Next()
			if err == io.EOF {
				if progress != nil {
					progress(report.Read, report.Read)
				}
				return nil, nil
			}
			var values []any
			if err == nil {
				values, err = row(rec)
			}
			var refusal *Refusal
			if err != nil && !errors.As(err, &refusal) {
				return nil, err
			}
			report.Read++
			if progress != nil && report.Read%progressEvery == 0 {
				progress(r.Done())
			}
			if refusal == nil {
				return values, nil
			}
			if rec != nil && refusal.Geometry == nil {
				refusal.Geometry = encode(rec.Geometry)
			}
			report.Add(*refusal)
		}
	})
}
