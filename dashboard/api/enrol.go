package api

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"gridwall/dashboard/access"
)

// enrol gives a screen a code to show. Anybody may ask: what it is worth, who types it in decides.
func (s *Server) enrol(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	now := time.Now()
	if wait, ok := s.enrolments.left(host(r), now); !ok {
		return &tooManyError{wait}
	}
	s.enrolments.spend(host(r), now)
	secret, e, err := s.Access.Enrol(r.Context(), access.From{Address: host(r), Agent: r.UserAgent()})
	if err != nil {
		return err
	}
	scheme := "http"
	if secure(r) {
		scheme = "https"
	}
	at := url.URL{Scheme: scheme, Host: r.Host, Path: "/enrol", RawQuery: url.Values{"code": {e.Code}}.Encode()}
	shown, err := picture(at.String())
	if err != nil {
		return badRequest("host_invalid", "地址过长", "the address is too long for a picture")
	}
	return writeJSONCode(w, http.StatusCreated, map[string]any{"secret": secret, "code": e.Code, "expires_at": e.ExpiresAt, "interval_s": access.EnrolInterval.Seconds(), "qr": shown})
}

// collect is a screen that asks whether its code was typed in. Its device's token becomes a cookie, no script sees it.
func (s *Server) collect(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	var in struct{ Secret string }
	if err := decode(w, r, 1<<10, &in); err != nil {
		return err
	}
	token, wall, screen, err := s.Access.Collect(r.Context(), in.Secret)
	if errors.Is(err, access.ErrPending) {
		w.WriteHeader(http.StatusAccepted)
		return nil
	}
	if err != nil {
		return err
	}
	http.SetCookie(w, cookie(r, access.DeviceCookie, token, deviceTTL))
	return writeJSON(w, map[string]string{"wall": wall, "screen": screen})
}

func (s *Server) waiting(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	e, err := s.Access.Waiting(r.Context(), r.PathValue("code"))
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"enrolment": e})
}

var deviceName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

func (s *Server) admit(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	var in struct{ Device, Wall, Screen string }
	if err := decode(w, r, 4<<10, &in); err != nil {
		return err
	}
	if !deviceName.MatchString(in.Device) || len(in.Screen) > 64 {
		return badRequest("device_invalid", "设备名由小写字母、数字和 .-_ 组成，最多 63 个", "a device's name is of lower-case letters, digits and .-_, at most 63")
	}
	if err := s.Access.Admit(r.Context(), who, r.PathValue("code"), in.Device, in.Wall, in.Screen); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) refuseEnrolment(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	if err := s.Access.Refuse(r.Context(), r.PathValue("code")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) devices(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	list, err := s.Access.Devices(r.Context())
	if err != nil {
		return err
	}
	if list == nil {
		list = []access.Device{}
	}
	return writeJSON(w, map[string]any{"devices": list})
}

func (s *Server) revokeDevice(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	if err := s.Access.RevokeDevice(r.Context(), r.PathValue("name")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
