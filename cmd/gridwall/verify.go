package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/access"
	"gridwall/dashboard/audit"
)

const verifyUsage = `verify [flags]

Reads the whole log, every row of the audit and the signed checkpoints, and says what holds. The first row that was
changed, deleted, put in or moved is named, and the status is 1. It can run beside the server.
`

// checkpointPaths are the file of the checkpoints and that of the key that signs them.
func (s *settings) checkpointPaths() (file, key string) {
	file, key = s.checkpoints, filepath.Join(s.dataDir, audit.KeyFile)
	if file == "" {
		file = filepath.Join(s.dataDir, "checkpoints.jsonl")
	}
	return file, key
}

func verify(ctx context.Context, args []string) error {
	var s settings
	flags := s.flags("verify", verifyUsage)
	if _, err := parse(flags, args); err != nil {
		return err
	}
	pool, stop, err := reach(ctx, s, newLog())
	if err != nil {
		return err
	}
	holds, err := verifyAll(ctx, pool, s)
	if err == nil {
		fmt.Printf("%d events and %d rows of the audit hold; the log passes through %d signed checkpoints (日志 %[1]d 条、审计 %[2]d 行完整，经过 %[3]d 个签名检查点)\n", holds.Events, holds.Entries, holds.Checkpoints)
		if holds.Masked > 0 {
			fmt.Printf("%d events had numbers of persons masked by purges, each with its certificate (%[1]d 条日志的号码已按期限遮蔽，均有证书)\n", holds.Masked)
		}
		if holds.Older > 0 {
			fmt.Printf("%d rows of the audit are older than the log that is kept and were not compared\n", holds.Older)
		}
		if holds.Earlier > 0 {
			fmt.Printf("%d checkpoints saw events of the log before it was restored from a backup that are not in this one\n", holds.Earlier)
		}
	}
	return errors.Join(err, stop())
}

// verifyAll holds the database against the checkpoints; without a file of them it does without.
func verifyAll(ctx context.Context, pool *pgxpool.Pool, s settings) (audit.Holds, error) {
	file, keyFile := s.checkpointPaths()
	key, err := audit.OpenKey(keyFile, false)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(file); err == nil {
			return audit.Holds{}, fmt.Errorf("%s is there and the key that signed it is not: put %s back", file, keyFile)
		}
		return audit.Verify(ctx, pool, nil)
	}
	if err != nil {
		return audit.Holds{}, err
	}
	list, err := audit.ReadCheckpoints(file, key.Public().(ed25519.PublicKey))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return audit.Holds{}, err
	}
	return audit.Verify(ctx, pool, list)
}

// record writes what was done at the server's own console on the audit.
func record(ctx context.Context, pool *pgxpool.Pool, act, object string, detail any) error {
	e, err := audit.New(access.Identity{Username: "console"}, act, object, detail, time.Now())
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return audit.Append(ctx, tx, time.Now(), e) })
}
