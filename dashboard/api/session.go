package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
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
	// Once: the password was given out and must be changed before anything else.
	Once bool `json:"change_password"`
	// Bare: the role asks for a second factor that is missing; it must be set before anything else.
	Bare bool `json:"factor_missing"`
}

func (s *Server) accountOf(who access.Identity) map[string]account {
	a := account{who.Username, who.Name, who.Role, nil, nil, who.Rights(), who.Once, who.Bare}
	if !s.Persons.On() {
		a.Rights = slices.DeleteFunc(a.Rights, func(r access.Right) bool { return r == access.PersonRead || r == access.PersonManage })
	}
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
	var in struct{ Username, Password, Code string }
	if err := decode(w, r, 4<<10, &in); err != nil {
		return err
	}
	now := time.Now()
	if wait, ok := s.failures.left(host(r), now); !ok {
		return &tooManyError{wait}
	}
	from := access.From{Address: host(r), Agent: r.UserAgent(), Code: in.Code, Session: sessionToken(r)}
	token, who, err := s.Access.SignIn(r.Context(), in.Username, in.Password, from)
	var locked *access.LockedError
	if errors.As(err, &locked) {
		s.failures.spend(host(r), now)
		s.Plays.Note(access.Identity{Username: tried(in.Username)}, "session.locked", host(r), map[string]any{"until": locked.Until})
	}
	for wrong, code := range map[error]string{access.ErrWrongCredentials: "wrong_credentials", access.ErrWrongCode: "wrong_code"} {
		if errors.Is(err, wrong) {
			s.failures.spend(host(r), now)
			s.Plays.Note(access.Identity{Username: tried(in.Username)}, "session.refused", host(r), map[string]string{"code": code})
		}
	}
	if err != nil {
		return err
	}
	s.Plays.Note(who, "session.in", host(r), map[string]string{"by": "password"})
	http.SetCookie(w, cookie(r, access.SessionCookie, token, access.SessionTTL))
	return writeJSON(w, s.accountOf(who))
}

// cookie is kept from scripts and from other sites; over TLS it never travels in the clear.
func cookie(r *http.Request, name, value string, ttl time.Duration) *http.Cookie {
	if secure(r) {
		name = access.HostPrefix + name
	}
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: int(ttl / time.Second), HttpOnly: true, Secure: secure(r), SameSite: http.SameSiteLaxMode}
}

func (s *Server) session(w http.ResponseWriter, _ *http.Request, who access.Identity) error {
	return writeJSON(w, s.accountOf(who))
}

// sessions are one's own sign-ins.
func (s *Server) sessions(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	list, err := s.Access.Sessions(r.Context(), who.Account, sessionToken(r))
	if err != nil {
		return err
	}
	if list == nil {
		list = []access.Session{}
	}
	return writeJSON(w, map[string]any{"sessions": list, "idle_s": access.IdleTTL.Seconds(), "longest_s": access.SessionTTL.Seconds()})
}

func (s *Server) revokeOthers(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	n, err := s.Access.RevokeOthers(r.Context(), who.Account, sessionToken(r))
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]int64{"ended": n})
}

func (s *Server) revokeSession(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return access.ErrNoSession
	}
	if err := s.Access.Revoke(r.Context(), who.Account, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// changePassword ends every session of the account; whoever changed it signs in with the new one.
func (s *Server) changePassword(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	var in struct{ Old, New string }
	if err := decode(w, r, 4<<10, &in); err != nil {
		return err
	}
	if n := len([]rune(in.New)); n < access.MinPassword || n > 256 {
		return badRequest("password_short", fmt.Sprintf("新口令至少 %d 个字符", access.MinPassword), fmt.Sprintf("the new password has at least %d characters", access.MinPassword))
	}
	now := time.Now()
	if wait, ok := s.failures.left(host(r), now); !ok {
		return &tooManyError{wait}
	}
	if err := s.Access.ChangePassword(r.Context(), who, in.Old, in.New); err != nil {
		if errors.Is(err, access.ErrWrongCredentials) {
			s.failures.spend(host(r), now)
		}
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) signOut(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	if err := s.Access.SignOut(r.Context(), r); err != nil {
		return err
	}
	http.SetCookie(w, cookie(r, access.SessionCookie, "", -time.Second))
	w.Header().Set("Clear-Site-Data", `"cache"`)
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
