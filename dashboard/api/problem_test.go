package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A statement on a connection that was lost under a transaction fails before it is sent.
func TestALostDatabaseIsAwayAndNotAFault(t *testing.T) {
	_, refused := pgx.Connect(context.Background(), "postgres://127.0.0.1:1/none?connect_timeout=1")
	for name, tc := range map[string]struct {
		err  error
		away bool
	}{
		"nobody listens":        {refused, true},
		"the connection closed": {fmt.Errorf("camera: %w", pgconn.ErrConnClosed), true},
		"the socket closed":     {net.ErrClosed, true},
		"it shuts down":         {&pgconn.PgError{Code: "57P01"}, true},
		"the disk is full":      {&pgconn.PgError{Code: "53100"}, true},
		"a wrong statement":     {&pgconn.PgError{Code: "42601"}, false},
		"something else":        {errors.New("x"), false},
	} {
		if away(tc.err) != tc.away {
			t.Errorf("%s: %v is away: %t", name, tc.err, !tc.away)
		}
	}
}
