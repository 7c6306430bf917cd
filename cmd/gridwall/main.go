// Command gridwall is the whole product in one binary: the server, its importer, the demo world and the scenarios.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// command is one word after gridwall.
type command struct {
	name, about string
	run         func(ctx context.Context, args []string) error
}

func commands() []command {
	return []command{
		{"serve", "run the server", serve},
		{"relay", "serve the pictures of a share of the cameras, on another machine", relay},
		{"demo", "run the server with the demo town, its cameras and a day of cases", demo},
		{"import", "import grids, buildings, cameras, backdrop, departments or officers from a file", importFile},
		{"export", "write grids, buildings, cameras or cases to a GeoJSON, GeoPackage or CSV file", exportFile},
		{"account", "make accounts, API tokens and wall devices", account},
		{"camera", "rotate the key that seals the credentials of cameras", camera},
		{"scenario", "replay a scenario against a real server with a simulated clock", scenario},
		{"backup", "write a backup of the running centre into a new folder", backup},
		{"restore", "bring a backup back into an empty data folder, and verify it", restore},
		{"certificate", "make a certificate for this server, signed by a root of this site", certificate},
		{"purge", "take personal data out of old cases, with a certificate", purge},
		{"doctor", "look at everything the server stands on, and say what to mend", doctor},
		{"verify", "check that no row of the log and the audit was changed, and name the first that was", verify},
		{"migrate", "bring the database's schema up to date", migrate},
		{"postgres", "run a command with a private PostgreSQL and its address in the environment", withPostgres},
		{"version", "print the version", version},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) < 2 {
		usage(os.Stderr)
		os.Exit(2)
	}
	for _, c := range commands() {
		if c.name != os.Args[1] {
			continue
		}
		err := c.run(ctx, os.Args[2:])
		var status exitStatus
		switch {
		case errors.As(err, &status):
			os.Exit(int(status))
		case err != nil:
			fmt.Fprintln(os.Stderr, "gridwall "+c.name+": "+err.Error())
			os.Exit(1)
		}
		return
	}
	if os.Args[1] == "help" || os.Args[1] == "-h" || os.Args[1] == "--help" {
		usage(os.Stdout)
		return
	}
	fmt.Fprintf(os.Stderr, "gridwall: there is no command %q\n\n", os.Args[1])
	usage(os.Stderr)
	os.Exit(2)
}

// exitStatus ends the process with a status whose reason has been told.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

func usage(w io.Writer) {
	fmt.Fprint(w, "gridwall, the software of a community dispatch centre 网格联动指挥调度中心\n\nusage: gridwall COMMAND [flags]; gridwall COMMAND --help lists the flags\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-11s %s\n", c.name, c.about)
	}
}

// The linker sets these (see the Makefile): a package is built from a tree without its history.
var (
	release  string // 0.N
	revision string // of the repository
)

func version(context.Context, []string) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return errors.New("this binary carries no build information")
	}
	fmt.Println(versionLine(info, release, revision))
	return nil
}

// versionLine says what the linker was told, and else what the compiler found out.
func versionLine(info *debug.BuildInfo, release, revision string) string {
	from := map[string]string{}
	for _, s := range info.Settings {
		from[s.Key] = s.Value
	}
	modified := ""
	if revision == "" && from["vcs.modified"] == "true" {
		modified = ", changed since"
	}
	return fmt.Sprintf("gridwall %s, revision %s%s, %s, %s/%s", cmp.Or(release, info.Main.Version, "(devel)"), cmp.Or(revision, from["vcs.revision"], "unknown"), modified, info.GoVersion, from["GOOS"], from["GOARCH"])
}

// newLog writes to standard error, for people at a terminal.
func newLog() *slog.Logger { return slog.New(slog.NewTextHandler(os.Stderr, nil)) }
