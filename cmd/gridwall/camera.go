package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/access"
	"gridwall/dashboard/cameras"
	"gridwall/dashboard/cameras/seal"
	"gridwall/dashboard/live"
	"gridwall/dashboard/persons"
)

const cameraUsage = `camera rotate-key [flags]

Makes a new key for the credentials of cameras, seals all of them with it, and forgets the old ones. Running servers on
this data folder go on by themselves. Where GRIDWALL_CAMERA_KEYS holds the keys, put the new one in front on every node and
restart them first; then this seals everything with it, and the old ones can go.
`

// centreKeys reads the keys that the centre has made; a process beside it makes none.
func (s *settings) centreKeys() (*seal.Keyring, error) {
	if text := os.Getenv("GRIDWALL_CAMERA_KEYS"); text != "" {
		return seal.Parse(text)
	}
	path := cmp.Or(s.cameraKeys, filepath.Join(s.dataDir, seal.File))
	keys, err := seal.Open(path, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is not there: copy camera.keys from the centre's data folder, or set GRIDWALL_CAMERA_KEYS (缺少密钥文件: 请从中心的数据目录复制 camera.keys)", path)
	}
	return keys, err
}

// openKeys reads the keys that seal credentials, and makes the first one on a database that needs none yet.
func (s *settings) openKeys(ctx context.Context, pool *pgxpool.Pool) (*seal.Keyring, error) {
	if text := os.Getenv("GRIDWALL_CAMERA_KEYS"); text != "" {
		return seal.Parse(text)
	}
	path := s.cameraKeys
	if path == "" {
		path = filepath.Join(s.dataDir, seal.File)
	}
	keys, err := seal.Open(path, false)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, err
	}
	used, err := cameras.SealedBy(ctx, pool)
	if err != nil {
		return nil, err
	}
	factors, err := access.FactorsSealedBy(ctx, pool)
	if err != nil {
		return nil, err
	}
	records, err := persons.SealedBy(ctx, pool)
	if err != nil {
		return nil, err
	}
	if used = slices.Concat(used, factors, records); len(used) > 0 {
		return nil, fmt.Errorf("the credentials of cameras are sealed with key %s and %s is not there: copy it from the node or backup that has it (摄像机口令已封存, 缺少密钥文件: 请从原节点或备份复制)", strings.Join(used, ", "), path)
	}
	return seal.Open(path, true)
}

func camera(ctx context.Context, args []string) error {
	var s settings
	flags := s.flags("camera", cameraUsage)
	rest, err := parse(flags, args)
	if err != nil {
		return err
	}
	if len(rest) != 1 || rest[0] != "rotate-key" {
		flags.Usage()
		return exitStatus(2)
	}
	pool, stop, err := reach(ctx, s, newLog())
	if err != nil {
		return err
	}
	keys, err := s.openKeys(ctx, pool)
	if err == nil {
		var n int
		if n, err = rotate(ctx, pool, keys); err == nil {
			fmt.Printf("%d cameras are sealed with key %s\n", n, keys.Current())
		}
	}
	return errors.Join(err, stop())
}

// rotate seals every camera with a new key and forgets the old ones; until the last step both open. Keys of the
// environment are not made here: the first of them seals.
func rotate(ctx context.Context, pool *pgxpool.Pool, keys *seal.Keyring) (n int, err error) {
	err = keys.Rotate()
	fixed := errors.Is(err, seal.ErrFixed)
	if err != nil && !fixed {
		return 0, err
	}
	if err := cameras.Seal(ctx, pool, keys); err != nil {
		return 0, err
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if n, err = cameras.Reseal(ctx, tx, keys); err != nil {
			return err
		}
		if err := access.ResealFactors(ctx, tx, keys); err != nil {
			return err
		}
		if err := persons.Reseal(ctx, tx, keys); err != nil {
			return err
		}
		_, err := live.Append(ctx, tx, live.Draft{Type: "camera.changed", At: time.Now(), Data: struct{}{}})
		return err
	})
	if err != nil || fixed {
		return n, err
	}
	return n, keys.Forget()
}
