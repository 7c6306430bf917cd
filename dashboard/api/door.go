package api

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"gridwall/dashboard/access"
)

// behind takes the client's address and scheme from the proxies that are trusted, and from nobody else: what another one
// says of them is struck out before anyone reads it.
func behind(proxies []netip.Prefix, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !trusted(proxies, r.RemoteAddr) {
			r.Header.Del("X-Forwarded-For")
			r.Header.Del("X-Forwarded-Proto")
			next.ServeHTTP(w, r)
			return
		}
		// The last address that no trusted proxy has is the client's; what stands before it, anybody can have written.
		chain := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for i := len(chain) - 1; i >= 0; i-- {
			a, err := netip.ParseAddr(strings.TrimSpace(chain[i]))
			if err != nil {
				break
			}
			r.RemoteAddr = net.JoinHostPort(a.Unmap().String(), "0")
			if !trusted(proxies, r.RemoteAddr) {
				break
			}
		}
		next.ServeHTTP(w, r)
	})
}

func trusted(proxies []netip.Prefix, address string) bool {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return false
	}
	for _, p := range proxies {
		if p.Contains(at.Addr().Unmap()) {
			return true
		}
	}
	return false
}

// patient bounds how long a request's body may take to arrive and its answer to be taken: a client that drips a byte now
// and then, refused or not, holds a goroutine no longer. Websockets take their deadlines from who serves them.
func patient(arrive, take time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out, now := http.NewResponseController(w), time.Now()
		if r.ContentLength != 0 {
			_ = out.SetReadDeadline(now.Add(arrive)) // a test's writer cannot
		}
		_ = out.SetWriteDeadline(now.Add(take))
		next.ServeHTTP(w, r)
	})
}

// secure says whether the client came by TLS, to this server or to a trusted proxy before it.
func secure(r *http.Request) bool {
	return access.Secure(r)
}

// host is the client's address without its port.
func host(r *http.Request) string {
	h, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return h
}

// budget lets each key do something burst times at once and then once every interval. It holds at most mostKeys keys; when
// there are more, those with their whole budget are forgotten, and if that does not do, all are.
type budget struct {
	burst int
	every time.Duration

	mu   sync.Mutex
	full map[string]time.Time // when a key has its whole budget again
}

const mostKeys = 20_000

// left says whether the key has anything left, and if not, when it has.
func (b *budget) left(key string, now time.Time) (wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	full, known := b.full[key]
	if !known {
		return 0, true
	}
	wait = full.Sub(now) - time.Duration(b.burst-1)*b.every
	return wait, wait <= 0
}

// spend takes one from the key's budget.
func (b *budget) spend(key string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.full == nil || len(b.full) >= mostKeys {
		kept := map[string]time.Time{}
		for k, at := range b.full {
			if at.After(now) {
				kept[k] = at
			}
		}
		if len(kept) >= mostKeys {
			kept = map[string]time.Time{}
		}
		b.full = kept
	}
	at := b.full[key]
	if at.Before(now) {
		at = now
	}
	b.full[key] = at.Add(b.every)
}

// tooManyError says that one does something too often.
type tooManyError struct{ wait time.Duration }

func (e *tooManyError) Error() string { return "too often; wait " + e.wait.String() }

// foreignSocket says whether a page of another origin asks for a websocket: browsers send it our cookies along.
func foreignSocket(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || !strings.EqualFold(u.Host, r.Host)
}
