package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"

	"gridwall/dashboard/postgres"
)

// withPostgres runs a command with a private cluster for as long as it runs: how the tests get their database.
func withPostgres(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("postgres", flag.ContinueOnError)
	dir := flags.String("dir", "", "folder of the cluster (default a temporary one)")
	variable := flags.String("env", "DATABASE_URL", "variable that gives the command the server's address")
	volatile := flags.Bool("volatile", false, "faster, but not safe against a power cut: for tests")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return exitStatus(0)
	} else if err != nil {
		return exitStatus(2)
	}
	if flags.NArg() == 0 {
		return errors.New("give the command to run: gridwall postgres [flags] COMMAND ARGS…")
	}
	if *dir == "" {
		temp, err := os.MkdirTemp("", "gridwall-postgres-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temp)
		if err := os.Chmod(temp, 0o755); err != nil { // the user postgres must get in
			return err
		}
		*dir = filepath.Join(temp, "postgres")
	}
	cluster, err := postgres.Start(ctx, postgres.Config{Dir: *dir, Volatile: *volatile, Log: newLog()})
	if err != nil {
		return err
	}
	stop := runCluster(ctx, cluster)
	cmd := exec.CommandContext(ctx, flags.Arg(0), flags.Args()[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), *variable+"="+cluster.AdminURL())
	err = cmd.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		err = exitStatus(ended.ExitCode())
	}
	return errors.Join(err, stop())
}
