package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/access"
	"gridwall/dashboard/audit"
	"gridwall/dashboard/cases"
)

const purgeUsage = `purge --before=DATE [flags]

Takes the names, telephone numbers and photos out of all cases that were closed before the day (清除该日之前结案案件中的上报人信息
和照片). What happened to a case stays, and nothing but a backup brings the rest back. The certificate of what was done is signed
with the key of the checkpoints, kept on the audit and written into the folder purges of --data-dir.
`

// proof is the certificate of a purge.
type proof struct {
	At time.Time `json:"at"`
	cases.Purged
	Sig string `json:"sig"` // Ed25519 over the text of signed, base64
}

func (p proof) signed() []byte {
	return fmt.Appendf(nil, "gridwall purge\n%s\n%s\n%d\n%d\n%d\n%s", p.At.Format(time.RFC3339Nano), p.Before.Format(time.RFC3339Nano), p.Cases, p.Reporters, p.Photos, p.Digest)
}

// errDry ends a purge that is only tried.
var errDry = errors.New("dry run")

func purge(ctx context.Context, args []string) error {
	var s settings
	flags := s.flags("purge", purgeUsage)
	day := flags.String("before", "", "cases that were closed before this day, like 2023-01-01, in the machine's time zone")
	dry := flags.Bool("dry-run", false, "only say what would go")
	if _, err := parse(flags, args); err != nil {
		return err
	}
	before, err := time.ParseInLocation(time.DateOnly, *day, time.Local)
	if err != nil {
		return fmt.Errorf("--before %q is no day like 2023-01-01", *day)
	}
	if before.After(time.Now()) {
		return fmt.Errorf("--before %s is still to come: name a day that is over", *day)
	}
	pool, stop, err := reach(ctx, s, newLog())
	if err != nil {
		return err
	}
	_, keyFile := s.checkpointPaths()
	key, err := audit.OpenKey(keyFile, true)
	if err != nil {
		return errors.Join(err, stop())
	}
	p, err := purgeBefore(ctx, pool, key, before, *dry)
	switch {
	case err != nil:
	case *dry:
		fmt.Printf("would take %d reporters and %d photos out of %d cases (将清除 %[1]d 位上报人、%[2]d 张照片，涉及 %[3]d 件)\n", p.Reporters, p.Photos, p.Cases)
	default:
		var file string
		if file, err = p.write(filepath.Join(s.dataDir, "purges")); err == nil {
			fmt.Printf("took %d reporters and %d photos out of %d cases; the certificate is %s (已清除 %[1]d 位上报人、%[2]d 张照片，涉及 %[3]d 件)\n", p.Reporters, p.Photos, p.Cases, file)
		}
	}
	return errors.Join(err, stop())
}

// purgeBefore purges and puts the proof on the audit, both or neither.
func purgeBefore(ctx context.Context, pool *pgxpool.Pool, key ed25519.PrivateKey, before time.Time, dry bool) (p proof, err error) {
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) (err error) {
		p.At = time.Now().UTC()
		if p.Purged, err = cases.Purge(ctx, tx, before); err != nil {
			return err
		}
		if dry {
			return errDry
		}
		p.Sig = base64.StdEncoding.EncodeToString(ed25519.Sign(key, p.signed()))
		e, err := audit.New(access.Identity{Username: "console"}, "purge", before.Format(time.DateOnly), p, p.At)
		if err != nil {
			return err
		}
		return audit.Append(ctx, tx, p.At, e)
	})
	if errors.Is(err, errDry) {
		err = nil
	}
	return p, err
}

// write keeps the certificate in a file of its own; the audit has the same text.
func (p proof) write(dir string) (file string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return "", err
	}
	file = filepath.Join(dir, p.At.Format("20060102-150405.000")+".json")
	return file, os.WriteFile(file, append(text, '\n'), 0o600)
}
