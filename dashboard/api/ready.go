package api

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"gridwall/dashboard/access"
)

const (
	// lookEvery is how often the answer to /readyz is made anew: anybody may ask, and each look asks the database.
	lookEvery = time.Second
	// lookWithin is how long the database may take to answer it.
	lookWithin = 2 * time.Second
	// silentFor is how long this node may have heard nothing from the log before its screens are sent to another one.
	silentFor = 45 * time.Second
)

// readiness keeps what was last found.
type readiness struct {
	mu  sync.Mutex
	at  time.Time
	err error
}

// health says that the process answers at all; what restarts a node asks this.
func (s *Server) health(w http.ResponseWriter, _ *http.Request, _ access.Identity) error {
	return writeLine(w, "ok")
}

// ready says whether requests should be sent to this node: it is not stopping, the database answers, and what happens
// reaches its screens. A proxy asks it without a token, so it says what is missing in one word and no more.
func (s *Server) ready(w http.ResponseWriter, _ *http.Request, _ access.Identity) error {
	if s.ctx.Err() != nil {
		return &unavailableError{"stopping", "此节点正在停止", "this node is stopping"}
	}
	r := &s.readiness
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.at) > lookEvery {
		r.err = s.look() // by the node's own clock: one caller who goes away does not make it unready
		r.at = time.Now()
	}
	if r.err != nil {
		return r.err
	}
	return writeLine(w, "ready")
}

func (s *Server) look() error {
	ctx, cancel := context.WithTimeoutCause(s.ctx, lookWithin, errors.New("readiness"))
	defer cancel()
	if err := s.Pool.Ping(ctx); err != nil {
		return &unavailableError{"database_unreachable", "数据库不可达", "the database cannot be reached"}
	}
	if s.relay {
		return nil
	}
	if s.relay { // it sends pictures, nobody follows the log here
		return nil
	}
	if at, ok := s.Live.Hub.HeardAt(); !ok || time.Since(at) > silentFor {
		return &unavailableError{"not_live", "此节点收不到实时数据", "what happens does not reach this node's screens"}
	}
	return nil
}

func writeLine(w http.ResponseWriter, text string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := w.Write([]byte(text + "\n"))
	return err
}
