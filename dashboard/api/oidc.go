package api

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gridwall/dashboard/access"
	"gridwall/dashboard/access/oidc"
)

// waysIn are those beside a password; the login page shows a button for each.
func (s *Server) waysIn(w http.ResponseWriter, _ *http.Request, _ access.Identity) error {
	if s.OIDC == nil {
		return writeJSON(w, map[string]any{"oidc": nil})
	}
	return writeJSON(w, map[string]any{"oidc": map[string]any{"name": s.OIDC.Name}})
}

// pendingCookie keeps a sign-in that is on its way to the provider and back.
const pendingCookie = "gridwall_oidc"

func (s *Server) pendingCookie(r *http.Request, value string, ttl time.Duration) *http.Cookie {
	c := cookie(r, pendingCookie, base64.RawURLEncoding.EncodeToString([]byte(value)), ttl)
	return c
}

// toProvider sends a browser to the site's OpenID provider.
func (s *Server) toProvider(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	if s.OIDC == nil {
		return errNoRoute
	}
	address, pending, err := s.OIDC.Begin(r.Context(), ownPath(r.URL.Query().Get("next")))
	if err != nil {
		return s.notIn(w, r, "", err)
	}
	kept, err := pending.Keep()
	if err != nil {
		return err
	}
	http.SetCookie(w, s.pendingCookie(r, kept, 10*time.Minute))
	http.Redirect(w, r, address, http.StatusSeeOther)
	return nil
}

// fromProvider takes a browser that comes back with a code.
func (s *Server) fromProvider(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	if s.OIDC == nil {
		return errNoRoute
	}
	now := time.Now()
	if wait, ok := s.failures.left(host(r), now); !ok {
		return &tooManyError{wait}
	}
	var pending oidc.Pending
	if text, err := base64.RawURLEncoding.DecodeString(access.CookieOf(r, pendingCookie)); err == nil {
		pending = oidc.Kept(string(text))
	}
	http.SetCookie(w, s.pendingCookie(r, "", -time.Second)) // good once, whatever comes of it
	q := r.URL.Query()
	if q.Get("error") != "" {
		return s.notIn(w, r, pending.Next, oidc.ErrRefused)
	}
	person, err := s.OIDC.Finish(r.Context(), pending, q.Get("state"), q.Get("code"))
	if err != nil {
		return s.notIn(w, r, pending.Next, err)
	}
	token, who, err := s.Access.SignInElsewhere(r.Context(), person, access.From{Address: host(r), Agent: r.UserAgent(), Session: sessionToken(r)})
	if err != nil {
		return s.notIn(w, r, pending.Next, err)
	}
	s.Plays.Note(who, "session.in", host(r), map[string]string{"by": "oidc"})
	http.SetCookie(w, cookie(r, access.SessionCookie, token, access.SessionTTL))
	http.Redirect(w, r, ownPath(pending.Next), http.StatusSeeOther)
	return nil
}

// notIn sends a person back to the login page with a word for what went wrong; the log has the rest.
func (s *Server) notIn(w http.ResponseWriter, r *http.Request, next string, err error) error {
	code := ""
	switch {
	case errors.Is(err, oidc.ErrAway):
		code = "oidc_away"
	case errors.Is(err, oidc.ErrRefused):
		code = "oidc_refused"
	case errors.Is(err, oidc.ErrNoRole):
		code = "oidc_no_role"
	case errors.Is(err, access.ErrNameTaken):
		code = "oidc_name_taken"
	case errors.Is(err, access.ErrShut):
		code = "oidc_shut"
	default:
		return err
	}
	s.Log.Warn("not signed in at the OpenID provider", "code", code, "error", err)
	if code != "oidc_away" {
		s.failures.spend(host(r), time.Now())
		s.Plays.Note(access.Identity{Username: "?"}, "session.refused", host(r), map[string]string{"code": code})
	}
	http.Redirect(w, r, "/login?"+url.Values{"trouble": {code}, "next": {ownPath(next)}}.Encode(), http.StatusSeeOther)
	return nil
}

// ownPath is a page of this site, "/" for everything else: nobody is sent elsewhere by an address that somebody made.
func ownPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}
