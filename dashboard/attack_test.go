package dashboard_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"gridwall/dashboard/access"
)

// browser signs somebody in and gives the cookie, as a page of another site would ride on it.
func (h *house) browser(username string, role access.Role) *http.Cookie {
	h.t.Helper()
	if err := h.dash.Access.SaveAccount(h.t.Context(), access.Account{Username: username, Name: username, Role: role, Password: "correct horse"}); err != nil {
		h.t.Fatal(err)
	}
	a := h.ask("", "POST", "/api/v1/session", map[string]string{"username": username, "password": "correct horse"})
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if c.Name == access.SessionCookie && c.HttpOnly && c.SameSite == http.SameSiteLaxMode {
			return c
		}
	}
	h.t.Fatalf("signing in: %d %s %v", a.code, a.body, a.header)
	return nil
}

// Cross-site websocket hijacking: a page of another origin, with the cookies of who looks at it, gets no socket.
func TestAForeignPageGetsNoWebsocket(t *testing.T) {
	h := open(t)
	cookie := h.browser("lin", access.Admin)
	for _, path := range []string{"/live", "/streams", "/streams/C1/mse", "/api/v1/cameras/C1/ptz/drive"} {
		for _, origin := range []string{"https://evil.example", "null", h.url + ".evil.example", "http://127.0.0.1:1", "file://"} {
			conn, resp, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(h.url, "http")+path, http.Header{"Cookie": {cookie.String()}, "Origin": {origin}})
			if err == nil {
				conn.Close()
			}
			if !errors.Is(err, websocket.ErrBadHandshake) || resp.StatusCode != http.StatusForbidden {
				t.Errorf("%s from %s: %v", path, origin, err)
			}
		}
	}
	conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(h.url, "http")+"/live", http.Header{"Cookie": {cookie.String()}, "Origin": {h.url}})
	if err != nil {
		t.Fatalf("our own page: %v", err)
	}
	conn.Close()
}

// Cross-site request forgery: what changes anything is refused to a page of another origin, on every route, whichever of
// the two headers the browser sends.
func TestAForeignPageChangesNothing(t *testing.T) {
	h := open(t)
	cookie := h.browser("lin", access.Admin)
	own, tried := things{grid: ownGrid, caseID: "1", photo: "x", alarm: "1", camera: "C1"}, 0
	for _, l := range h.dash.Table() {
		method, path := own.request(l)
		if method == "GET" {
			continue
		}
		for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
			tried++
			a := h.ask("", method, path, []byte(`{}`), append(header, "Cookie", cookie.String(), "Content-Type", "text/plain")...)
			if a.code != http.StatusForbidden {
				t.Errorf("%s with %v: %d %s", l.Pattern, header, a.code, a.body)
			}
		}
	}
	if tried < 100 {
		t.Errorf("only %d requests were tried", tried)
	}
	if a := h.ask("", "GET", "/api/v1/session", nil, "Cookie", cookie.String()); a.code != http.StatusOK {
		t.Errorf("the session did not outlive it: %d", a.code)
	}
}

// Paths that climb are asked for over a bare socket, since clients tidy them up.
func TestAPathThatClimbsReachesNoFile(t *testing.T) {
	h := open(t)
	address := strings.TrimPrefix(h.url, "http://")
	for _, base := range []string{"/static/", "/tiles/", "/tiles/grids/1/1/", "/basemap/1/1/", "/api/v1/export/", "/api/v1/photos/", "/streams/C1/hls/", "/api/v1/flows/", "/wall/"} {
		for _, up := range []string{"../../../../../../etc/passwd", "..%2f..%2f..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "..%5c..%5c..%5cetc%5cpasswd",
			"%252e%252e%252fetc%252fpasswd", "/etc/passwd", "%2fetc%2fpasswd", "index.html%00.mvt", "..;/..;/etc/passwd"} {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			io.WriteString(conn, "GET "+base+up+" HTTP/1.1\r\nHost: "+address+"\r\nAuthorization: Bearer "+h.tokens[access.Admin]+"\r\nConnection: close\r\n\r\n")
			answer, err := io.ReadAll(conn)
			conn.Close()
			status, _, _ := bytes.Cut(answer, []byte("\r\n"))
			served := bytes.Contains(status, []byte(" 200 ")) && base != "/wall/" // any name of a wall is the wall's page
			if err != nil || served || bytes.Contains(status, []byte(" 500 ")) || bytes.Contains(answer, []byte("root:")) {
				t.Errorf("%s%s: %s %v", base, up, answer[:min(len(answer), 300)], err)
			}
		}
	}
}

// A NUL is a character that PostgreSQL does not keep: it is the caller's fault and not the server's.
func TestACharacterThatIsNoneIsTheCallersFault(t *testing.T) {
	h := open(t)
	for _, tc := range []struct {
		method, path string
		body         any
	}{
		{"GET", "/api/v1/cases?q=%00", nil},
		{"GET", "/api/v1/cases?q=%ff", nil},
		{"GET", "/api/v1/photos/%00", nil},
		{"POST", "/api/v1/cases", report("a\x00b")},
	} {
		if a := h.ask(access.Admin, tc.method, tc.path, tc.body); a.code != http.StatusBadRequest && a.code != http.StatusUnprocessableEntity {
			t.Errorf("%s %s: %d %s", tc.method, tc.path, a.code, a.body)
		}
	}
}

// counted counts what is read of a body without an end.
type counted struct {
	head string
	read int64
	most int64
}

func (c *counted) Read(p []byte) (int, error) {
	if c.read >= c.most {
		return 0, io.EOF
	}
	n := copy(p, c.head)
	c.head = c.head[n:]
	for i := n; i < len(p); i++ {
		p[i] = 'a'
	}
	c.read += int64(len(p))
	return len(p), nil
}

// No route reads more of a body than what it takes: a text of 200 MiB is refused after a bounded part of it.
func TestABodyWithoutAnEndIsReadToItsBoundAlone(t *testing.T) {
	h := open(t)
	own := things{grid: ownGrid, caseID: "1", photo: "x", alarm: "1", camera: "C1"}
	large := map[string]int64{"POST /api/v1/cases": 48 << 20, "POST /api/v1/cases/{id}/moves": 48 << 20, "POST /api/v1/cameras/import": 64 << 20, "POST /api/v1/photos": 10 << 20,
		"POST /api/v1/grids/versions": 32 << 20, "POST /api/v1/grids/versions/try": 32 << 20}
	tried := 0
	for _, l := range h.dash.Table() {
		method, path := own.request(l)
		if method == "GET" {
			continue
		}
		tried++
		body := &counted{head: `{"title":"`, most: 200 << 20}
		r := httptest.NewRequest(method, path, body)
		r.Header.Set("Authorization", "Bearer "+h.tokens[access.Admin])
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.dash.Handler().ServeHTTP(w, r)
		most := large[l.Pattern]
		if most == 0 {
			most = 4 << 20
		}
		if body.read > most+1<<20 {
			t.Errorf("%s read %d MiB of it, want at most %d (answered %d)", l.Pattern, body.read>>20, most>>20, w.Code)
		}
		if w.Code == http.StatusInternalServerError || body.read > 0 && w.Code < 400 && method != "DELETE" && !strings.HasSuffix(l.Pattern, "/import") {
			t.Errorf("%s answered %d %s", l.Pattern, w.Code, w.Body)
		}
	}
	if tried < 25 {
		t.Errorf("only %d routes were tried", tried)
	}
	deep := strings.Repeat(`{"a":`, 200_000)
	if a := h.ask(access.Admin, "POST", "/api/v1/cases", []byte(deep)); a.code != http.StatusBadRequest {
		t.Errorf("JSON of 200,000 levels: %d %s", a.code, a.body)
	}
}

// Replay: what was good once is refused when it is over, on the node that knew it and on another.
func TestWhatIsOverIsNotGoodAgain(t *testing.T) {
	h := open(t)
	_, second := serve(t, h.pool)
	cookie := h.browser("lin", access.Operator)
	both := func(name string, header ...string) {
		t.Helper()
		for _, node := range []string{h.url, second} {
			there := *h
			there.url = node
			for until := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
				a := there.ask("", "GET", "/api/v1/cases", nil, header...)
				if a.code == http.StatusUnauthorized {
					break
				}
				if time.Now().After(until) {
					t.Errorf("%s is still good: %d", name, a.code)
					break
				}
			}
		}
	}
	for _, node := range []string{h.url, second} { // each has seen it
		there := *h
		there.url = node
		if a := there.ask("", "GET", "/api/v1/cases", nil, "Cookie", cookie.String()); a.code != http.StatusOK {
			t.Fatalf("%d %s", a.code, a.body)
		}
		if a := there.ask(access.Integrator, "GET", "/api/v1/cameras", nil); a.code != http.StatusOK {
			t.Fatalf("%d %s", a.code, a.body)
		}
	}
	if a := h.ask("", "DELETE", "/api/v1/session", nil, "Cookie", cookie.String()); a.code != http.StatusNoContent {
		t.Fatalf("%d %s", a.code, a.body)
	}
	if a := h.ask("", "GET", "/api/v1/cases", nil, "Cookie", cookie.String()); a.code != http.StatusUnauthorized {
		t.Errorf("a session that was ended, at once and here: %d", a.code)
	}
	both("a session that was ended", "Cookie", cookie.String())

	voided := h.tokens[access.Integrator]
	if _, err := h.dash.Access.NewToken(t.Context(), "integrator", "test"); err != nil {
		t.Fatal(err)
	}
	both("a token that another one of its name voided", "Authorization", "Bearer "+voided)
	for name, header := range map[string][]string{
		"a token as a cookie of another kind": {"Cookie", access.SessionCookie + "=" + url.QueryEscape(voided)},
		"its hash":                            {"Authorization", "Bearer " + strings.Repeat("0", 64)},
		"an empty one":                        {"Authorization", "Bearer "},
		"one of thirty thousand letters":      {"Authorization", "Bearer " + strings.Repeat("x", 30_000)},
	} {
		if a := h.ask("", "GET", "/api/v1/cases", nil, header...); a.code != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, a.code)
		}
	}
}

func TestAProfileIsForTheAdministratorAndBounded(t *testing.T) {
	h := open(t)
	if a := h.ask(access.Admin, "GET", "/debug/pprof/cpu?seconds=1", nil); a.code != http.StatusOK || len(a.body) < 2 || a.body[0] != 0x1f || a.body[1] != 0x8b {
		t.Errorf("a profile of the processor: %d, %d bytes, want what gzip wrote", a.code, len(a.body))
	}
	if a := h.ask(access.Admin, "GET", "/debug/pprof/heap", nil); a.code != http.StatusOK || len(a.body) == 0 {
		t.Errorf("a profile of the heap: %d, %d bytes", a.code, len(a.body))
	}
	for path, want := range map[string]string{"/debug/pprof/cpu?seconds=61": "seconds_invalid", "/debug/pprof/cmdline": "unknown_profile"} {
		if code, _ := h.ask(access.Admin, "GET", path, nil).problem(); code != want {
			t.Errorf("%s: %q, want %s", path, code, want)
		}
	}
	if a := h.ask(access.Integrator, "GET", "/debug/pprof/heap", nil); a.code != http.StatusForbidden {
		t.Errorf("an integrator's profile: %d", a.code)
	}
}

// Session fixation: a session that an attacker planted in a browser is not the one that its owner comes in by, and it ends.
func TestAPlantedSessionIsNotTheOneThatSigningInOpens(t *testing.T) {
	h := open(t)
	for name, planted := range map[string]string{"the attacker's own": h.browser("mallory", access.Operator).Value, "one that never was": strings.Repeat("a", 43)} {
		header := []string{"Cookie", access.SessionCookie + "=" + planted}
		a := h.ask("", "POST", "/api/v1/session", map[string]string{"username": "mallory", "password": "correct horse"}, header...)
		if a.code != http.StatusOK || strings.Contains(a.header.Get("Set-Cookie"), planted) || !strings.Contains(a.header.Get("Set-Cookie"), access.SessionCookie+"=") {
			t.Errorf("%s: %d %s", name, a.code, a.header.Get("Set-Cookie"))
		}
		if a := h.ask("", "GET", "/api/v1/session", nil, header...); a.code != http.StatusUnauthorized {
			t.Errorf("%s is good afterwards: %d", name, a.code)
		}
	}
	a := h.ask("", "POST", "/api/v1/session?"+access.SessionCookie+"=planted", map[string]string{"username": "mallory", "password": "correct horse"})
	if strings.Contains(a.header.Get("Set-Cookie"), "planted") {
		t.Errorf("an address gives the session: %s", a.header.Get("Set-Cookie"))
	}
}

// Names are locked one by one; who tries one password on many names is stopped by the address, and a session that is there
// goes on.
func TestManyNamesFromOneAddressAreStopped(t *testing.T) {
	h := open(t)
	cookie := h.browser("lin", access.Operator)
	var last answer
	tries := 0
	for ; tries < 60; tries++ {
		last = h.ask("", "POST", "/api/v1/session", map[string]string{"username": fmt.Sprintf("name-%d", tries), "password": "Summer2026!"})
		if last.code == http.StatusTooManyRequests {
			break
		}
	}
	if code, _ := last.problem(); tries < 25 || tries > 50 || code != "too_many_requests" || last.header.Get("Retry-After") == "" {
		t.Errorf("stopped after %d names: %d %s", tries, last.code, last.body)
	}
	if a := h.ask("", "GET", "/api/v1/session", nil, "Cookie", cookie.String()); a.code != http.StatusOK {
		t.Errorf("a session from there: %d", a.code)
	}
}
