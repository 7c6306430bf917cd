package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"gridwall/dashboard/audit"
	"gridwall/dashboard/retention"
)

const purgeUsage = `purge --before=DATE [flags]

Takes the reporters and photos out of all cases that were closed before the day, and masks the telephone and identity numbers in
what people wrote about them, in the log too, whose chain holds on (清除该日之前结案案件中的上报人信息和照片，并遮蔽文字与日志中的号码). What happened to a case stays, and nothing but a backup brings the rest back. The certificate of what was done is signed
with the key of the checkpoints, kept on the audit and written into the folder purges of --data-dir.
`

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
	p, err := retention.Purge(ctx, pool, key, before, "console", *dry)
	switch {
	case err != nil:
	case *dry, p.Cases == 0:
		fmt.Printf("would take %d reporters and %d photos out of %d cases and mask numbers in %d texts (将清除 %[1]d 位上报人、%[2]d 张照片，遮蔽 %[4]d 处文字，涉及 %[3]d 件)\n", p.Reporters, p.Photos, p.Cases, p.Texts)
	default:
		var file string
		if file, err = p.Write(filepath.Join(s.dataDir, "purges")); err == nil {
			fmt.Printf("took %d reporters and %d photos out of %d cases and masked numbers in %d texts; the certificate is %s (已清除 %[1]d 位上报人、%[2]d 张照片，遮蔽 %[4]d 处文字，涉及 %[3]d 件)\n", p.Reporters, p.Photos, p.Cases, p.Texts, file)
		}
	}
	return errors.Join(err, stop())
}
