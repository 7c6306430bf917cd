package api

import (
	"encoding/base64"
	"errors"
	"net/http"
	"time"

	"rsc.io/qr"

	"gridwall/dashboard/access"
)

// sessionToken is the cookie of the session that asks; empty for a program's token.
func sessionToken(r *http.Request) string {
	return access.CookieOf(r, access.SessionCookie)
}

// picture is a QR code as PNG, for pages whose policy lets in data: pictures.
func picture(text string) (string, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", err
	}
	code.Scale = 6
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(code.PNG()), nil
}

func (s *Server) factor(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	f, err := s.Access.FactorOf(r.Context(), who)
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"factor": f})
}

// proven runs what wants the password or a code once more, and counts what was wrong against the caller's address.
func (s *Server) proven(r *http.Request, do func() error) error {
	now := time.Now()
	if wait, ok := s.failures.left(host(r), now); !ok {
		return &tooManyError{wait}
	}
	err := do()
	if errors.Is(err, access.ErrWrongCredentials) || errors.Is(err, access.ErrWrongCode) {
		s.failures.spend(host(r), now)
	}
	return err
}

func (s *Server) beginFactor(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	if who.Account == 0 {
		return &forbiddenError{who.Role, access.SessionRead} // a device has no password, and may not try those of accounts
	}
	var in struct{ Password string }
	if err := decode(w, r, 4<<10, &in); err != nil {
		return err
	}
	var secret, uri string
	err := s.proven(r, func() (err error) {
		secret, uri, err = s.Access.BeginFactor(r.Context(), who, in.Password)
		return err
	})
	if err != nil {
		return err
	}
	shown, err := picture(uri)
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]string{"secret": secret, "uri": uri, "qr": shown})
}

func (s *Server) confirmFactor(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	var in struct{ Code string }
	if err := decode(w, r, 4<<10, &in); err != nil {
		return err
	}
	var recovery []string
	err := s.proven(r, func() (err error) {
		recovery, err = s.Access.ConfirmFactor(r.Context(), who, in.Code, sessionToken(r))
		return err
	})
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"recovery": recovery})
}

func (s *Server) removeFactor(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	var in struct{ Password, Code string }
	if err := decode(w, r, 4<<10, &in); err != nil {
		return err
	}
	if err := s.proven(r, func() error { return s.Access.RemoveFactor(r.Context(), who, in.Password, in.Code) }); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
