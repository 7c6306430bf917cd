package api

import (
	"fmt"
	"net/http"
	"runtime/pprof"
	"strconv"
	"time"

	"gridwall/dashboard/access"
)

// longestProfile is how long a profile of the processor may take.
const longestProfile = time.Minute

// profile answers with what `go tool pprof` reads: cpu over ?seconds (default 10), or heap, goroutine, allocs, block,
// mutex or threadcreate as they stand. One profile of the processor at a time.
func (s *Server) profile(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	name := r.PathValue("profile")
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name+".pprof"))
	if name != "cpu" {
		p := pprof.Lookup(name)
		if p == nil {
			return badRequest("unknown_profile", "没有这种性能剖析：cpu、heap、goroutine、allocs、block、mutex、threadcreate", "there is no such profile: cpu, heap, goroutine, allocs, block, mutex, threadcreate")
		}
		return p.WriteTo(w, 0)
	}
	length := 10 * time.Second
	if text := r.FormValue("seconds"); text != "" {
		n, err := strconv.Atoi(text)
		if length = time.Duration(n) * time.Second; err != nil || length <= 0 || length > longestProfile {
			return badRequest("seconds_invalid", "seconds 应为 1 到 60", "seconds is from 1 to 60")
		}
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(length + takenWithin)) // a test's writer cannot
	if err := pprof.StartCPUProfile(w); err != nil {
		return badRequest("profile_running", "已有一次性能剖析在进行，请稍后再试", "a profile is being taken already: try again when it is over")
	}
	defer pprof.StopCPUProfile()
	select {
	case <-r.Context().Done():
	case <-s.ctx.Done():
	case <-time.After(length):
	}
	return nil
}
