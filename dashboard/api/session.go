package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"time"

	"gridwall/dashboard/access"
)

// account is who is signed in, as pages see it.
type account struct {
	Username   string         `json:"username"`
	Name       string         `json:"name"`
	Role       access.Role    `json:"role"`
	Department *string        `json:"department"`
	Grid       *string        `json:"grid"`
	Rights     []access.Right `json:"rights"`
}

func accountOf(who access.Identity) map[string]account {
	a := account{who.Username, who.Name, who.Role, nil, nil, who.Rights()}
	if who.Department != "" {
		a.Department = &who.Department
	}
	if who.Grid != "" {
		a.Grid = &who.Grid
	}
	return map[string]account{"account": a}
}

// decode reads a JSON body of at most limit bytes.
func decode(w http.ResponseWriter, r *http.Request, limit int64, into any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit))
	if err := d.Decode(into); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return err
		}
		return badRequest("body_invalid", "请求不是有效的 JSON："+err.Error(), "the body is not the JSON that is expected: "+err.Error())
	}
	return nil
}

func (s *Server) signIn(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	var in struct{ Username, Password string }
	if err := decode(w, r, 4<<10, &in); err != nil {
		return err
	}
	now := time.Now()
	if wait, ok := s.failures.left(host(r), now); !ok {
		return &tooManyError{wait}
	}
	token, who, err := s.Access.SignIn(r.Context(), in.Username, in.Password)
	if errors.Is(err, access.ErrWrongCredentials) {
		s.failures.spend(host(r), now)
		s.Plays.Note(access.Identity{Username: tried(in.Username)}, "session.refused", host(r), map[string]string{"code": "wrong_credentials"})
	}
	if err != nil {
		return err
	}
	s.Plays.Note(who, "session.in", host(r), map[string]string{"by": "password"})
	http.SetCookie(w, cookie(r, access.SessionCookie, token, access.SessionTTL))
	return writeJSON(w, accountOf(who))
}

// cookie is kept from scripts and from other sites; over TLS it never travels in the clear.
func cookie(r *http.Request, name, value string, ttl time.Duration) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: int(ttl / time.Second), HttpOnly: true, Secure: secure(r), SameSite: http.SameSiteLaxMode}
}

func (s *Server) session(w http.ResponseWriter, _ *http.Request, who access.Identity) error {
	return writeJSON(w, accountOf(who))
}

func (s *Server) signOut(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	if err := s.Access.SignOut(r.Context(), r); err != nil {
		return err
	}
	http.SetCookie(w, cookie(r, access.SessionCookie, "", -time.Second))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// usernames are what a name of an account looks like; what somebody typed instead may be a password.
var usernames = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// tried is a name that somebody tried to sign in with, fit for the audit.
func tried(name string) string {
	if usernames.MatchString(name) {
		return name
	}
	return "?"
}
