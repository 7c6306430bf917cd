package api

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/prometheus/client_golang/prometheus/collectors"

	"gridwall/dashboard/access"
	"gridwall/dashboard/cameras"
	"gridwall/streams/page"
)

// relayRoutes is the whole table of a relay: pictures and nothing else. Who asks has a link's token of the centre.
func (s *Server) relayRoutes() []route {
	return []route{
		{"GET /healthz", open, s.health, ""},
		{"GET /readyz", open, s.ready, ""},
		{"GET /metrics", access.MetricsRead, s.metrics, ""},
		{"POST /api/v1/cameras/{id}/test", access.CameraManage, s.testCamera, ""},
		{"GET /api/v1/cameras/{id}/snapshot.jpg", access.CameraPlay, s.snapshot, ""},
		{"POST /streams/{id}/whep", access.CameraPlay, s.whepPlay, ""},
		{"DELETE /streams/{id}/whep/{session}", access.CameraPlay, s.whepEnd, ""},
		{"GET /streams", open, s.relayPage, ""}, // each of its cameras comes with a token
		{"GET /streams/{id}/mse", access.CameraPlay, s.msePlay, ""},
		{"GET /streams/{id}/hls/{file}", access.CameraPlay, s.hlsPlay, ""},
	}
}

// NewRelay assembles the server of a relay, of which config needs Pool, Access, Cameras, Hub, WHEP, HLS, Stills, Plays, Proxies and Log.
func NewRelay(ctx context.Context, config Config) *Server {
	s := newServer(ctx, config)
	s.relay = true
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), s.requests, s.seconds, s.Hub)
	return s
}

// forPages lets the centre's pages in. Nothing here goes by a cookie, which browsers would send along for any page.
func forPages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Cookie")
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Expose-Headers", "Location")
		if r.Method == http.MethodOptions {
			h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
			h.Set("Access-Control-Allow-Headers", "Content-Type, Accept-Language")
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// relayPage plays many cameras over one websocket, each by a link of its own.
func (s *Server) relayPage(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	page.Serve(s.ctx, w, r, s.Hub, func(id, token string) (page.Leave, error) {
		who, err := s.Access.Follow(s.ctx, token, id)
		if err != nil {
			return page.Leave{}, err
		}
		if !who.May(access.CameraPlay) {
			return page.Leave{}, &forbiddenError{who.Role, access.CameraPlay}
		}
		if _, err := s.Cameras.Get(id, secret(who)); err != nil {
			return page.Leave{}, err
		}
		return page.Leave{Ended: s.Plays.Begin(who, id, "page")}, nil
	})
	return nil
}

// elsewhere sends who wants something of a camera to the relay that pulls it, with a link in their name; false: it is ours.
func (s *Server) elsewhere(w http.ResponseWriter, r *http.Request, who access.Identity, c *cameras.Camera) (bool, error) {
	relay := s.Cameras.RelayOf(c)
	if relay == nil {
		return false, nil
	}
	if relay.Silent {
		return true, silentRelay(relay)
	}
	token := r.URL.Query().Get("token")
	if token == "" {
		ttl := access.LinkTTL
		if strings.Contains(r.URL.Path, "/hls/") { // each of its requests is looked at
			ttl = access.MaxLinkTTL
		}
		var err error
		if token, _, err = s.Access.NewLink(r.Context(), who, c.ID, ttl); err != nil {
			return true, err
		}
	}
	q := r.URL.Query()
	q.Set("token", token)
	w.Header().Set("Location", relay.URL+r.URL.EscapedPath()+"?"+q.Encode())
	w.WriteHeader(http.StatusTemporaryRedirect)
	return true, nil
}

func silentRelay(relay *cameras.Relay) *unavailableError {
	return &unavailableError{"relay_silent", "中继 " + relay.ID + " 无响应", "relay " + relay.ID + " does not answer"}
}

// relays are who pulls cameras beside the centre.
func (s *Server) relays(w http.ResponseWriter, _ *http.Request, _ access.Identity) error {
	return writeJSON(w, map[string]any{"relays": append([]cameras.Relay{}, s.Cameras.Relays()...)})
}

// connectable are the origins of relays, for the pages' policy: HTTP and websockets.
func (s *Server) connectable() (connect, pictures string) {
	for _, relay := range s.Cameras.Relays() {
		if u, err := url.Parse(relay.URL); err == nil && u.Host != "" {
			origin := u.Scheme + "://" + u.Host
			connect += " " + origin + " " + cmp.Or(map[string]string{"https": "wss"}[u.Scheme], "ws") + "://" + u.Host
			pictures += " " + origin
		}
	}
	return connect, pictures
}
