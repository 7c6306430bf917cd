package api

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"gridwall/dashboard/access"
	"gridwall/dashboard/live"
)

func (s *Server) desk(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	if who.Role == access.Wall {
		return &forbiddenError{who.Role, access.CaseMove}
	}
	if who.Role == access.Auditor {
		http.Redirect(w, r, "/audit", http.StatusSeeOther)
		return nil
	}
	return s.page(w, r, "index.html")
}

func (s *Server) auditPage(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	return s.page(w, r, "audit.html")
}

func (s *Server) evaluationPage(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	return s.page(w, r, "evaluation.html")
}

func (s *Server) cataloguePage(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	if who.Role == access.Wall {
		return &forbiddenError{who.Role, access.CaseRead}
	}
	return s.page(w, r, "catalogue.html")
}

func (s *Server) alarmsPage(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	if who.Role == access.Wall {
		return &forbiddenError{who.Role, access.AlarmAct}
	}
	return s.page(w, r, "alarms.html")
}

func (s *Server) camerasPage(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	return s.page(w, r, "cameras.html")
}

func (s *Server) leaderPage(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	if who.Role == access.Wall {
		return &forbiddenError{who.Role, access.CaseRead}
	}
	return s.page(w, r, "leader.html")
}

func (s *Server) accountPage(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	if who.Account == 0 {
		return &forbiddenError{who.Role, access.SessionRead}
	}
	return s.page(w, r, "account.html")
}

// screenPage is what a screen shows that is to become a wall's.
func (s *Server) screenPage(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	return s.page(w, r, "screen.html")
}

func (s *Server) enrolPage(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	return s.page(w, r, "enrol.html")
}

func (s *Server) wallsPage(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	return s.page(w, r, "walls.html")
}

func (s *Server) loginPage(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	return s.page(w, r, "login.html")
}

// deviceTTL is how long a wall stays signed in without being opened anew.
const deviceTTL = 400 * 24 * time.Hour

// wallPage serves the wall. It is opened once with ?token=…, which becomes a cookie, so that the token does not stay on the screen.
func (s *Server) wallPage(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	if taken, err := s.takeToken(w, r); taken || err != nil {
		return err
	}
	who, err := s.Access.Identify(r)
	if err != nil {
		return err
	}
	if !who.May(access.WallRead) {
		return &forbiddenError{who.Role, access.WallRead}
	}
	if _, err := s.Walls.Get(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Security-Policy", strings.Replace(h.Get("Content-Security-Policy"), "frame-ancestors 'none'", "frame-ancestors 'self'", 1)) // the editor shows it in small
	return s.page(w, r, "wall.html")
}

// takeToken turns ?token=… of a wall's address into the device's cookie; true if it has answered.
func (s *Server) takeToken(w http.ResponseWriter, r *http.Request) (bool, error) {
	q := r.URL.Query()
	token := q.Get("token")
	if token == "" {
		return false, nil
	}
	probe := r.Clone(r.Context())
	probe.Header = http.Header{"Authorization": {"Bearer " + token}}
	who, err := s.Access.Identify(probe)
	if err != nil {
		return false, err
	}
	if who.Role != access.Wall {
		return false, access.ErrNobody
	}
	http.SetCookie(w, cookie(r, access.DeviceCookie, token, deviceTTL))
	q.Del("token")
	to := r.URL.Path
	if rest := q.Encode(); rest != "" {
		to += "?" + rest
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return true, nil
}

// page serves an HTML file of the front end.
func (s *Server) page(w http.ResponseWriter, r *http.Request, name string) error {
	if _, err := fs.Stat(s.Pages, name); errors.Is(err, fs.ErrNotExist) {
		return &unavailableError{"pages_not_built", "此程序未包含网页：请先运行 make build", "this binary carries no pages: run make build"}
	}
	w.Header().Set("Cache-Control", "no-cache")
	return s.file(w, r, name)
}

// static serves what never changes: file names carry a hash of what is in them.
func (s *Server) static(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	if info, err := fs.Stat(s.Pages, name); err != nil || info.IsDir() {
		return errNoRoute
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	return s.file(w, r, name)
}

// file writes a file, in the best of its pre-compressed forms that the client takes.
func (s *Server) file(w http.ResponseWriter, r *http.Request, name string) error {
	w.Header().Set("Vary", "Accept-Encoding")
	stored := name
	for _, form := range [][2]string{{"br", ".br"}, {"gzip", ".gz"}} {
		if _, err := fs.Stat(s.Pages, name+form[1]); err == nil && accepts(r, form[0]) {
			w.Header().Set("Content-Encoding", form[0])
			stored = name + form[1]
			break
		}
	}
	f, err := s.Pages.Open(stored)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	kind := mime.TypeByExtension(path.Ext(name))
	if kind == "" {
		kind = "application/octet-stream"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.FormatInt(info.Size(), 10))
	_, err = io.Copy(w, f)
	return err
}

// live follows the event log over a websocket.
func (s *Server) live(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	since, err := queryInt(r, "since", -1, 0, 1<<62)
	if err != nil {
		return err
	}
	topics, unknown := live.ParseTopics(r.URL.Query().Get("topics"))
	if unknown != "" {
		return badRequest("unknown_topic", "没有主题 "+unknown+"，可用："+strings.Join(live.Topics, ", "), "there is no topic "+unknown+": "+strings.Join(live.Topics, ", "))
	}
	return s.Live.Serve(w, r, viewer(who, credentials(r)), live.Ask{Since: since, Audience: r.URL.Query().Get("audience"), Topics: topics})
}

// credentials are what a request shows of itself, as text that Again understands.
func credentials(r *http.Request) string {
	return r.Header.Get("Authorization") + "\n" + strings.Join(r.Header["Cookie"], "; ")
}

// Again finds out who showed the credentials with which a websocket was opened, for live.Config.
func Again(room *access.Room) func(ctx context.Context, credentials string) (live.Viewer, error) {
	return func(ctx context.Context, credentials string) (live.Viewer, error) {
		bearer, cookies, _ := strings.Cut(credentials, "\n")
		r := (&http.Request{Header: http.Header{"Authorization": {bearer}, "Cookie": {cookies}}}).WithContext(ctx)
		who, err := room.Identify(r)
		if errors.Is(err, access.ErrNobody) {
			return live.Viewer{}, live.ErrGone
		}
		return viewer(who, credentials), err
	}
}

func viewer(who access.Identity, key string) live.Viewer {
	v := live.Viewer{Key: key, Grid: who.Grid, Line: who.Department}
	for _, r := range who.Rights() {
		v.Rights = append(v.Rights, string(r))
	}
	return v
}

// reportPosition takes where the caller is. It answers before that is written: the next one comes in seconds.
func (s *Server) reportPosition(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	var in struct{ Lon, Lat *float64 }
	if err := decode(w, r, 1<<10, &in); err != nil {
		return err
	}
	if in.Lon == nil || in.Lat == nil {
		return badRequest("location_missing", "请给出位置 {lon, lat}", "give the place as {lon, lat}")
	}
	err := s.Live.Hub.Report(live.Position{ID: strconv.Itoa(who.Account), Lon: *in.Lon, Lat: *in.Lat, At: s.Clock.Now()})
	if errors.Is(err, live.ErrNowhere) {
		return badRequest("location_invalid", "经度在前，纬度在后，单位为度", "the place is not in degrees, longitude first")
	}
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}
