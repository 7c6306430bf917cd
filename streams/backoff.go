package streams

import (
	"math/rand/v2"
	"time"
)

const (
	minBackoff = time.Second
	maxBackoff = 30 * time.Second
	// goodVideo is how long a pull must have lived for the next failure to count as the first.
	goodVideo = 60 * time.Second
	// maxRefusals in a row stop the tries: cameras lock the account after five to seven.
	maxRefusals = 3
)

// backoff is the pause before try n (0 the first after a failure): full jitter, so that the cameras behind
// one switch do not come back in step, between minBackoff and a ceiling that doubles up to maxBackoff.
func backoff(n int, r func(int64) int64) time.Duration {
	ceiling := maxBackoff
	if n < 5 {
		ceiling = min(minBackoff<<(n+1), maxBackoff)
	}
	return minBackoff + time.Duration(r(int64(ceiling-minBackoff)+1))
}

func jitter(n int64) int64 { return rand.Int64N(n) }
