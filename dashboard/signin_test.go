package dashboard_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"gridwall/dashboard/access"
)

// cookieOf is the value that an answer sets.
func (a answer) cookieOf(name string) *http.Cookie {
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func TestAScreenBecomesAWallsByTheCodeThatItShows(t *testing.T) {
	h := open(t)
	var e struct{ Secret, Code, QR string }
	a := h.ask("", "POST", "/api/v1/enrolments", nil)
	if err := json.Unmarshal(a.body, &e); err != nil || a.code != http.StatusCreated || !strings.HasPrefix(e.QR, "data:image/png;base64,") {
		t.Fatalf("%d %s", a.code, a.body)
	}
	ask := map[string]string{"secret": e.Secret}
	if a := h.ask("", "POST", "/api/v1/enrolments/collect", ask); a.code != http.StatusAccepted || a.cookieOf(access.DeviceCookie) != nil {
		t.Errorf("before anybody answered: %d", a.code)
	}
	for _, role := range []access.Role{access.Operator, access.Officer, access.Auditor, access.Wall, ""} {
		if a := h.ask(role, "POST", "/api/v1/enrolments/"+e.Code, map[string]string{"device": "mine", "wall": "main"}); !a.refused() {
			t.Errorf("%q let a screen in: %d", role, a.code)
		}
	}
	if a := h.ask(access.Integrator, "POST", "/api/v1/enrolments/"+e.Code, map[string]string{"device": "大屏", "wall": "main"}); a.code != http.StatusBadRequest {
		t.Errorf("a name that is none: %d", a.code)
	}
	h.must(access.Integrator, "GET", "/api/v1/enrolments/"+strings.ToLower(e.Code), nil, nil)
	if a := h.ask(access.Integrator, "POST", "/api/v1/enrolments/"+e.Code, map[string]string{"device": "hall-1", "wall": "main", "screen": "1"}); a.code != http.StatusNoContent {
		t.Fatalf("%d %s", a.code, a.body)
	}
	a = h.ask("", "POST", "/api/v1/enrolments/collect", ask)
	c := a.cookieOf(access.DeviceCookie)
	if a.code != http.StatusOK || c == nil || !c.HttpOnly || bytes.Contains(a.body, []byte(c.Value)) || !bytes.Contains(a.body, []byte(`"wall":"main"`)) {
		t.Fatalf("%d %s %v", a.code, a.body, c)
	}
	if a := h.ask("", "POST", "/api/v1/enrolments/collect", ask); a.code != http.StatusNotFound {
		t.Errorf("collected twice: %d", a.code)
	}
	if a := h.ask("", "GET", "/wall/main", nil, "Cookie", c.Name+"="+c.Value); a.code != http.StatusOK {
		t.Errorf("the wall's page: %d", a.code)
	}
	if a := h.ask(access.Admin, "DELETE", "/api/v1/devices/hall-1", nil); a.code != http.StatusNoContent {
		t.Errorf("%d", a.code)
	}
	if a := h.ask("", "GET", "/api/v1/walls/main", nil, "Cookie", c.Name+"="+c.Value); a.code != http.StatusUnauthorized {
		t.Errorf("a screen that was put out: %d", a.code)
	}
	for range 40 { // from one address
		a = h.ask("", "POST", "/api/v1/enrolments", nil)
	}
	if code, _ := a.problem(); code != "too_many_requests" {
		t.Errorf("forty codes from one address: %d %s", a.code, code)
	}
	h.onAudit("device.make", "device.remove")
}

// onAudit waits until the audit has rows of these acts.
func (h *house) onAudit(acts ...string) {
	h.t.Helper()
	for until := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		var n int
		if err := h.pool.QueryRow(h.t.Context(), `SELECT count(DISTINCT act) FROM audit_entry WHERE act = ANY($1)`, acts).Scan(&n); err != nil {
			h.t.Fatal(err)
		}
		if n == len(acts) {
			return
		}
		if time.Now().After(until) {
			h.t.Fatalf("%d of %v are on the audit", n, acts)
		}
	}
}

// authenticator shows the code of now, as a telephone does (RFC 6238).
func authenticator(t *testing.T, secret string) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, key)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(time.Now().Unix()/30)))
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])&0x7fffffff%1_000_000)
}

func TestASecondFactorIsSetAndAskedForAtTheDoor(t *testing.T) {
	h := open(t)
	cookie := h.browser("lin", access.Operator)
	mine := []string{"Cookie", cookie.String()}
	other := h.ask("", "POST", "/api/v1/session", map[string]string{"username": "lin", "password": "correct horse"}).cookieOf(access.SessionCookie)
	var begun struct{ Secret, URI, QR string }
	a := h.ask("", "POST", "/api/v1/session/factor", map[string]string{"password": "correct horse"}, mine...)
	if err := json.Unmarshal(a.body, &begun); err != nil || a.code != 200 || !strings.Contains(begun.URI, "otpauth://totp/Gridwall:lin?") || !strings.HasPrefix(begun.QR, "data:image/png;base64,iVBOR") {
		t.Fatalf("%d %s", a.code, a.body)
	}
	var made struct{ Recovery []string }
	a = h.ask("", "POST", "/api/v1/session/factor/confirm", map[string]string{"code": authenticator(t, begun.Secret)}, mine...)
	if err := json.Unmarshal(a.body, &made); err != nil || a.code != 200 || len(made.Recovery) != 10 {
		t.Fatalf("%d %s", a.code, a.body)
	}
	if a := h.ask("", "GET", "/api/v1/session", nil, "Cookie", other.String()); a.code != http.StatusUnauthorized {
		t.Errorf("the other session goes on: %d", a.code)
	}
	sign := func(code string) answer {
		return h.ask("", "POST", "/api/v1/session", map[string]string{"username": "lin", "password": "correct horse", "code": code})
	}
	for code, want := range map[string]string{"": "code_required", "12": "wrong_code"} {
		a := sign(code)
		if got, _ := a.problem(); got != want || a.code != http.StatusUnauthorized || a.cookieOf(access.SessionCookie) != nil {
			t.Errorf("code %q: %d %s", code, a.code, a.body)
		}
	}
	if a := sign(strings.ToUpper(made.Recovery[3])); a.code != 200 {
		t.Errorf("a recovery code: %d %s", a.code, a.body)
	}
	var list struct {
		Sessions []struct{ Current bool }
		Idle     float64 `json:"idle_s"`
		Longest  float64 `json:"longest_s"`
	}
	a = h.ask("", "GET", "/api/v1/sessions", nil, mine...)
	if err := json.Unmarshal(a.body, &list); err != nil || len(list.Sessions) != 2 || list.Sessions[0].Current || !list.Sessions[1].Current || list.Idle != 7200 || list.Longest != 43200 {
		t.Errorf("%s, %v", a.body, err)
	}
	if a := h.ask("", "DELETE", "/api/v1/sessions", nil, mine...); a.code != 200 || !bytes.Contains(a.body, []byte(`"ended":1`)) {
		t.Errorf("%d %s", a.code, a.body)
	}
	a = h.ask("", "POST", "/api/v1/session/factor/remove", map[string]string{"password": "correct horse", "code": made.Recovery[4]}, mine...)
	if a.code != http.StatusNoContent {
		t.Errorf("%d %s", a.code, a.body)
	}
	if a := sign(""); a.code != 200 {
		t.Errorf("without it again: %d %s", a.code, a.body)
	}
	h.onAudit("factor.set", "factor.remove", "session.refused")
}
