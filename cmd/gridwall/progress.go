package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"gridwall/geo/importer"
)

// terminal says whether standard error is one: progress is drawn only there.
var terminal = func() bool {
	info, err := os.Stderr.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}()

// terminalProgress draws a bar, at most ten times a second, once something has taken half a second.
func terminalProgress() importer.Progress {
	started := time.Now()
	var last time.Time
	return func(done, of int) {
		now := time.Now()
		if !terminal || now.Sub(started) < 500*time.Millisecond || now.Sub(last) < 100*time.Millisecond || of == 0 {
			return
		}
		last = now
		drawBar("", done, of)
	}
}

func drawBar(what string, done, of int) {
	const width = 30
	full := min(done*width/max(of, 1), width)
	fmt.Fprintf(os.Stderr, "\r\x1b[K%s %s%s %d/%d", what, strings.Repeat("█", full), strings.Repeat("░", width-full), done, of)
}

func clearProgress() {
	if terminal {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}
