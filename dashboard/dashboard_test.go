package dashboard_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/assets"
	"gridwall/dashboard"
	"gridwall/dashboard/access"
	"gridwall/dashboard/live"
	"gridwall/migrations/dbtest"
)

// Two cells of one street, a department, a plain camera and a secret one.
const places = `
INSERT INTO grid (code, parent, level, name, geom, label) VALUES
    ('150621901', NULL, 'street', '试验街道', ST_Multi(ST_MakeEnvelope(110.00, 40.40, 110.02, 40.41, 4326)), ST_SetSRID(ST_MakePoint(110.01, 40.405), 4326)),
    ('150621901001001', '150621901', 'grid', '一网格', ST_Multi(ST_MakeEnvelope(110.00, 40.40, 110.01, 40.41, 4326)), ST_SetSRID(ST_MakePoint(110.005, 40.405), 4326)),
    ('150621901001002', '150621901', 'grid', '二网格', ST_Multi(ST_MakeEnvelope(110.01, 40.40, 110.02, 40.41, 4326)), ST_SetSRID(ST_MakePoint(110.015, 40.405), 4326));
INSERT INTO department (code, name) VALUES ('D01', '环卫局'), ('D02', '城管局');
INSERT INTO camera (id, name, url, geom, secret, bearing_deg, angle_deg, range_m) VALUES
    ('C1', '街口', 'rtsp://admin:geheim@127.0.0.1:9/a', ST_SetSRID(ST_MakePoint(110.005, 40.405), 4326), false, 90, 60, 200),
    ('C2', '保密点', 'rtsp://admin:geheim@127.0.0.1:9/b', ST_SetSRID(ST_MakePoint(110.006, 40.405), 4326), true, NULL, NULL, NULL)`

// house is a whole dashboard behind a real socket, with a token for every role.
type house struct {
	t      testing.TB
	pool   *pgxpool.Pool
	dash   *dashboard.Dashboard
	url    string
	tokens map[access.Role]string
}

func open(t testing.TB) *house { return openWith(t, places) }

// openWith is open on a database that a statement fills.
func openWith(t testing.TB, fill string) *house {
	t.Helper()
	pool := dbtest.Open(t)
	if _, err := pool.Exec(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	d, url := serve(t, pool)
	h := &house{t, pool, d, url, map[access.Role]string{}}
	for _, role := range access.Roles {
		a := access.Account{Username: strings.ReplaceAll(string(role), "_", "-"), Name: string(role), Role: role}
		if role == access.Department {
			if a.Department = "D01"; !strings.Contains(fill, "'D01'") {
				continue
			}
		}
		if err := d.Access.SaveAccount(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		var err error
		if h.tokens[role], err = d.Access.NewToken(t.Context(), a.Username, "test"); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if h.tokens[access.Wall], err = d.Access.NewDevice(t.Context(), "main"); err != nil {
		t.Fatal(err)
	}
	return h
}

// serve runs a node on a database.
func serve(t testing.TB, pool *pgxpool.Pool) (*dashboard.Dashboard, string) {
	t.Helper()
	return serveWith(t, pool, func(*dashboard.Config) {})
}

// serveWith is serve by another configuration.
func serveWith(t testing.TB, pool *pgxpool.Pool, change func(*dashboard.Config)) (*dashboard.Dashboard, string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	pages := fstest.MapFS{}
	for _, name := range []string{"index.html", "wall.html", "login.html"} {
		pages[name] = &fstest.MapFile{Data: []byte("<!doctype html><title>" + name + "</title>")}
	}
	config := dashboard.Config{Pool: pool, Catalogue: assets.Catalogue(), Pages: pages, WebRTCAddr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)}
	change(&config)
	d, err := dashboard.Open(ctx, config)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	server := httptest.NewServer(d.Handler())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		server.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return d, server.URL
}

// answer is what came back.
type answer struct {
	code   int
	header http.Header
	body   []byte
}

func (a answer) problem() (code, detail string) {
	var p struct{ Code, Detail string }
	json.Unmarshal(a.body, &p)
	return p.Code, p.Detail
}

func (h *house) ask(role access.Role, method, path string, body any, header ...string) answer {
	h.t.Helper()
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		in = bytes.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			h.t.Fatal(err)
		}
		in = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, h.url+path, in)
	if err != nil {
		h.t.Fatal(err)
	}
	if role != "" {
		req.Header.Set("Authorization", "Bearer "+h.tokens[role])
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, text}
}

func (h *house) must(role access.Role, method, path string, body, into any) {
	h.t.Helper()
	a := h.ask(role, method, path, body)
	if a.code >= 300 {
		h.t.Fatalf("%s %s: %d %s", method, path, a.code, a.body)
	}
	if into != nil {
		if err := json.Unmarshal(a.body, into); err != nil {
			h.t.Fatal(err)
		}
	}
}

var here = map[string]float64{"lon": 110.003, "lat": 40.405}

func report(title string) map[string]any {
	return map[string]any{"flow": "incident", "title": title, "location": here}
}

func (h *house) report(title string) (id int64) {
	h.t.Helper()
	var made struct{ ID int64 }
	h.must(access.Officer, "POST", "/api/v1/cases", report(title), &made)
	return made.ID
}

func (h *house) move(role access.Role, id int64, body map[string]any) answer {
	h.t.Helper()
	return h.ask(role, "POST", fmt.Sprintf("/api/v1/cases/%d/moves", id), body)
}

func photo(t testing.TB) []byte {
	img := image.NewRGBA(image.Rect(0, 0, 40, 30))
	img.Set(3, 3, color.White)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestNothingIsOpenWithoutASession(t *testing.T) {
	h := open(t)
	var doc struct {
		Paths map[string]map[string]struct {
			Security *[]any
		}
	}
	h.must(access.Admin, "GET", "/api/v1/openapi.json", nil, &doc)
	if len(doc.Paths) < 25 {
		t.Fatalf("only %d paths in the document", len(doc.Paths))
	}
	free := map[string]bool{"GET /healthz": true, "GET /readyz": true, "POST /api/v1/session": true, "GET /api/v1/session/ways": true, "POST /api/v1/enrolments": true, "POST /api/v1/enrolments/collect": true}
	for path, methods := range doc.Paths {
		for method, operation := range methods {
			name := strings.ToUpper(method) + " " + path
			if (operation.Security != nil) != free[name] {
				t.Errorf("%s: free of rights is %t", name, operation.Security != nil)
			}
			if free[name] {
				continue
			}
			if a := h.ask("", strings.ToUpper(method), strings.NewReplacer("{", "", "}", "").Replace(path), nil); a.code != http.StatusUnauthorized {
				t.Errorf("%s answers %d to nobody", name, a.code)
			}
		}
	}
	for _, path := range []string{"/", "/wall/main", "/wall/main?token=wrong"} {
		a := h.ask("", "GET", path, nil, "Accept", "text/html")
		if a.code != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "/login?next=") {
			t.Errorf("page %s answers %d %s to nobody", path, a.code, a.header.Get("Location"))
		}
	}
	if a := h.ask("", "GET", "/healthz", nil); a.code != http.StatusOK {
		t.Errorf("healthz: %d", a.code)
	}
	if a := h.ask("", "GET", "/login", nil); a.code != http.StatusOK {
		t.Errorf("login: %d", a.code)
	}
}

func TestAWallComesInWithItsTokenAndReadsNothingPersonal(t *testing.T) {
	h := open(t)
	a := h.ask("", "GET", "/wall/main?token="+h.tokens[access.Wall], nil)
	if a.code != http.StatusSeeOther || a.header.Get("Location") != "/wall/main" || !strings.Contains(a.header.Get("Set-Cookie"), "HttpOnly") {
		t.Fatalf("opening the wall: %d %v", a.code, a.header)
	}
	if a := h.ask("", "GET", "/wall/main?token="+h.tokens[access.Admin], nil, "Accept", "application/json"); a.code != http.StatusUnauthorized {
		t.Errorf("an account's token opens a wall: %d", a.code)
	}
	id := h.report("窗户破损")
	for _, tc := range []struct {
		method, path string
		body         any
		code         int
	}{
		{"GET", "/api/v1/cases", nil, 200},
		{"POST", "/api/v1/cases", report("墙"), 403},
		{"POST", fmt.Sprintf("/api/v1/cases/%d/moves", id), map[string]string{"move": "verify"}, 403},
		{"GET", "/api/v1/cameras/C1", nil, 200},
		{"GET", "/api/v1/cameras/C2", nil, 404},
		{"GET", "/", nil, 403},
		{"GET", "/metrics", nil, 403},
	} {
		if a := h.ask(access.Wall, tc.method, tc.path, tc.body); a.code != tc.code {
			t.Errorf("%s %s: %d, want %d: %s", tc.method, tc.path, a.code, tc.code, a.body)
		}
	}
	if a := h.ask(access.Wall, "GET", fmt.Sprintf("/api/v1/cases/%d/timeline", id), nil); bytes.Contains(a.body, []byte(`"name":"officer"`)) {
		t.Errorf("the wall reads who reported: %s", a.body)
	}
	if a := h.ask(access.Wall, "GET", "/api/v1/cameras", nil); bytes.Contains(a.body, []byte("C2")) || !bytes.Contains(a.body, []byte("C1")) {
		t.Errorf("the wall's cameras: %s", a.body)
	}
}

func TestCredentialsOfCamerasAreNowhere(t *testing.T) {
	h := open(t)
	for _, path := range []string{"/api/v1/cameras", "/api/v1/cameras/C1", "/api/v1/cameras/near?lon=110.005&lat=40.405", "/metrics", "/api/v1/search?q=街口"} {
		if a := h.ask(access.Admin, "GET", path, nil); a.code != 200 || bytes.Contains(a.body, []byte("geheim")) {
			t.Errorf("%s: %d, %s", path, a.code, a.body)
		}
	}
	if a := h.ask(access.Admin, "POST", "/streams/C1/whep", []byte("v=0\r\n"), "Content-Type", "application/sdp"); bytes.Contains(a.body, []byte("geheim")) {
		t.Errorf("whep: %s", a.body)
	}
}

func TestARepeatedReportIsOneCase(t *testing.T) {
	h := open(t)
	ids := make([]string, 16)
	var group sync.WaitGroup
	for i := range ids {
		group.Go(func() {
			a := h.ask(access.Officer, "POST", "/api/v1/cases", report("同一件事"), "Idempotency-Key", "k-1")
			if a.code != http.StatusCreated {
				t.Errorf("%d %s", a.code, a.body)
			}
			ids[i] = string(a.body)
		})
	}
	group.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("one key, two answers:\n%s\n%s", ids[0], id)
		}
	}
	var cases, events int
	if err := h.pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM case_file), (SELECT count(*) FROM event WHERE type = 'case.reported')`).Scan(&cases, &events); err != nil || cases != 1 || events != 1 {
		t.Errorf("%d cases, %d events, %v; want one each", cases, events, err)
	}
	a := h.ask(access.Officer, "POST", "/api/v1/cases", report("另一件事"), "Idempotency-Key", "k-1")
	if code, _ := a.problem(); a.code != http.StatusConflict || code != "key_reused" {
		t.Errorf("the key with another report: %d %s", a.code, a.body)
	}
}

// Reports that come alone, between moves and repetitions: ids and numbers follow the log, without a hole.
func TestCasesThatComeAloneAreNumberedInTurn(t *testing.T) {
	h := open(t)
	type made struct {
		ID, Seq int64
		Number  string
	}
	var last made
	var title string
	for i := range 60 {
		switch {
		case i%7 == 3: // the one before, again
			a := h.ask(access.Officer, "POST", "/api/v1/cases", report(title), "Idempotency-Key", title)
			var again made
			if err := json.Unmarshal(a.body, &again); a.code != http.StatusCreated || err != nil || again != last {
				t.Fatalf("%s again: %d %s, the first was %+v", title, a.code, a.body, last)
			}
		case i%5 == 4:
			if a := h.move(access.Specialist, last.ID, map[string]any{"move": "verify"}); a.code != http.StatusOK {
				t.Fatalf("move: %d %s", a.code, a.body)
			}
		default:
			title = fmt.Sprint("alone ", i)
			a := h.ask(access.Officer, "POST", "/api/v1/cases", report(title), "Idempotency-Key", title)
			var c made
			if err := json.Unmarshal(a.body, &c); a.code != http.StatusCreated || err != nil {
				t.Fatalf("%d %s", a.code, a.body)
			}
			if last.ID != 0 && (c.ID <= last.ID || c.Seq <= last.Seq || serialOf(t, c.Number) != serialOf(t, last.Number)+1) {
				t.Errorf("%+v follows %+v", c, last)
			}
			last = c
		}
	}
	var next int64
	if err := h.pool.QueryRow(t.Context(), `SELECT nextval('case_file_id_seq')`).Scan(&next); err != nil || next <= last.ID {
		t.Errorf("the next id is %d, after %d, %v", next, last.ID, err)
	}
	if events, err := live.Verify(t.Context(), h.pool); err != nil {
		t.Errorf("%d events, %v", events, err)
	}
}

// serialOf is the number of the day at the end of a case's number.
func serialOf(t *testing.T, number string) int {
	t.Helper()
	n, err := strconv.Atoi(number[len(number)-5:])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAReportThatLacksSomethingIsToldWhat(t *testing.T) {
	h := open(t)
	for _, tc := range []struct {
		name string
		body any
		code string
	}{
		{"no title", map[string]any{"location": here}, "title_missing"},
		{"no location", map[string]any{"title": "x"}, "location_missing"},
		{"outside every grid", map[string]any{"title": "x", "location": map[string]float64{"lon": 0, "lat": 0}}, "outside_grids"},
		{"lat before lon", map[string]any{"title": "x", "location": map[string]float64{"lon": 40, "lat": 110}}, "location_invalid"},
		{"unknown class", map[string]any{"title": "x", "location": here, "class": "99999"}, "unknown_class"},
		{"unknown flow", map[string]any{"flow": "x", "title": "x", "location": here}, "unknown_flow"},
		{"unknown priority", map[string]any{"title": "x", "location": here, "priority": "high"}, "unknown_priority"},
		{"a NUL", map[string]any{"title": "a\x00b", "location": here}, "text_invalid"},
		{"no JSON", []byte(`{"title":`), "body_invalid"},
		{"a photo that is none", map[string]any{"title": "x", "location": here, "photos": []any{map[string]string{"kind": "near", "data": "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString([]byte("GIF"))}}}, "photo_invalid"},
		{"a photo that was not uploaded", map[string]any{"title": "x", "location": here, "photos": []string{"nowhere"}}, "unknown_photo"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := h.ask(access.Officer, "POST", "/api/v1/cases", tc.body)
			if code, detail := a.problem(); a.code < 400 || a.code >= 500 || code != tc.code || detail == "" {
				t.Errorf("%d %s, want %s", a.code, a.body, tc.code)
			}
		})
	}
	var left int
	if err := h.pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM case_file) + (SELECT count(*) FROM event WHERE type LIKE 'case.%')`).Scan(&left); err != nil || left != 0 {
		t.Errorf("refused reports left %d rows (%v)", left, err)
	}
}

func TestAProblemSpeaksTheLanguageAskedFor(t *testing.T) {
	h := open(t)
	for lang, want := range map[string]string{"": "请填写标题", "zh-CN,zh;q=0.9": "请填写标题", "en-GB,en": "give the case a title", "fr,en;q=0.5": "give the case a title"} {
		a := h.ask(access.Officer, "POST", "/api/v1/cases", map[string]any{"location": here}, "Accept-Language", lang)
		if _, detail := a.problem(); detail != want {
			t.Errorf("%q: %q, want %q", lang, detail, want)
		}
	}
}

func TestTheLoopIsDrivenByDifferentPeople(t *testing.T) {
	h := open(t)
	id := h.report("旱厕墙体开裂")
	after := []map[string]string{{"kind": "after", "data": "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(photo(t))}}
	for _, step := range []struct {
		role access.Role
		body map[string]any
		code int
		says string
	}{
		{access.Department, map[string]any{"move": "sign"}, 403, "outside_jurisdiction"}, // it is with nobody yet
		{access.Dispatcher, map[string]any{"move": "verify"}, 403, "not_permitted"},
		{access.Specialist, map[string]any{"move": "fly"}, 422, "unknown_move"},
		{access.Specialist, map[string]any{"move": "verify"}, 200, ""},
		{access.Operator, map[string]any{"move": "reject"}, 422, "note_missing"},
		{access.Operator, map[string]any{"move": "file"}, 200, ""},
		{access.Dispatcher, map[string]any{"move": "dispatch"}, 422, "department_missing"},
		{access.Dispatcher, map[string]any{"move": "dispatch", "department": "D99"}, 422, "unknown_department"},
		{access.Dispatcher, map[string]any{"move": "dispatch", "department": "D02"}, 200, ""},
		{access.Department, map[string]any{"move": "sign"}, 403, "outside_jurisdiction"}, // it is with D02
		{access.Admin, map[string]any{"move": "return", "note": "不属本部门"}, 200, ""},
		{access.Dispatcher, map[string]any{"move": "dispatch", "department": "D01"}, 200, ""},
		{access.Department, map[string]any{"move": "sign"}, 200, ""},
		{access.Department, map[string]any{"move": "handle"}, 422, "photo_missing"},
		{access.Department, map[string]any{"move": "handle", "photos": after}, 200, ""},
		{access.Operator, map[string]any{"move": "check"}, 200, ""},
		{access.Operator, map[string]any{"move": "close"}, 200, ""},
		{access.Operator, map[string]any{"move": "rate", "rating": 9}, 422, "rating_missing"},
		{access.Operator, map[string]any{"move": "rate", "rating": 2}, 200, ""},
		{access.Operator, map[string]any{"move": "rate", "rating": 2}, 409, "move_refused"},
	} {
		a := h.move(step.role, id, step.body)
		if code, _ := a.problem(); a.code != step.code || code != step.says {
			t.Fatalf("%s by %s: %d %s, want %d %s", step.body["move"], step.role, a.code, a.body, step.code, step.says)
		}
	}
	var c struct {
		State, Light string
		Rating       int
		Returns      int
		Clocks       []any
		Photos       []struct{ Kind, URL string }
	}
	h.must(access.Operator, "GET", fmt.Sprintf("/api/v1/cases/%d", id), nil, &c)
	if c.State != "rated" || c.Rating != 2 || c.Returns != 1 || len(c.Clocks) != 0 || c.Light != "green" || len(c.Photos) != 1 {
		t.Errorf("in the end: %+v", c)
	}
	if a := h.ask(access.Leader, "GET", c.Photos[0].URL, nil); a.code != 200 || a.header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("the photo: %d %v", a.code, a.header)
	}
	// What the log says is what the table says.
	var logged string
	if err := h.pool.QueryRow(t.Context(), `SELECT data->'case'->>'state' FROM event WHERE type LIKE 'case.%' ORDER BY seq DESC LIMIT 1`).Scan(&logged); err != nil || logged != "rated" {
		t.Errorf("the log says %q (%v)", logged, err)
	}
}

func TestPhotosOfAReportAreInTheCaseAndInNoOther(t *testing.T) {
	h := open(t)
	body := report("有照片")
	picture := "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(photo(t))
	var up struct{ ID string }
	h.must(access.Officer, "POST", "/api/v1/photos", photo(t), &up)
	body["photos"] = []any{map[string]string{"kind": "near", "data": picture}, map[string]string{"kind": "far", "id": up.ID}}
	var made struct{ ID int64 }
	a := h.ask(access.Officer, "POST", "/api/v1/cases", body, "Idempotency-Key", "with photos")
	if err := json.Unmarshal(a.body, &made); err != nil || a.code != http.StatusCreated {
		t.Fatalf("%d %s", a.code, a.body)
	}
	var c struct {
		Photos []struct{ Kind, URL string }
	}
	h.must(access.Officer, "GET", fmt.Sprintf("/api/v1/cases/%d", made.ID), nil, &c)
	if len(c.Photos) != 2 {
		t.Fatalf("%d photos, want 2", len(c.Photos))
	}
	for _, p := range c.Photos {
		if a := h.ask(access.Officer, "GET", p.URL, nil); a.code != 200 || !bytes.HasPrefix(a.body, []byte("\xff\xd8")) {
			t.Errorf("%s: %d", p.Kind, a.code)
		}
	}
	if a := h.ask(access.Officer, "POST", "/api/v1/cases", body, "Idempotency-Key", "with photos"); a.code != http.StatusCreated {
		t.Errorf("the same report again: %d %s", a.code, a.body)
	}
	body["photos"] = []any{map[string]string{"kind": "far", "id": up.ID}}
	a = h.ask(access.Officer, "POST", "/api/v1/cases", body)
	if code, _ := a.problem(); code != "unknown_photo" {
		t.Errorf("a photo of another case: %d %s", a.code, a.body)
	}
	var photos int
	if err := h.pool.QueryRow(t.Context(), `SELECT count(*) FROM photo`).Scan(&photos); err != nil || photos != 2 {
		t.Errorf("%d photos are stored (%v), want 2", photos, err)
	}
}

func TestNobodyHandlesAndChecksOneCase(t *testing.T) {
	h := open(t)
	id := h.report("同一人")
	after := []map[string]string{{"kind": "after", "data": "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(photo(t))}}
	for _, body := range []map[string]any{{"move": "verify"}} {
		if a := h.move(access.Specialist, id, body); a.code != 200 {
			t.Fatalf("%s", a.body)
		}
	}
	for _, body := range []map[string]any{{"move": "file"}, {"move": "dispatch", "department": "D01"}, {"move": "sign"}, {"move": "handle", "photos": after}} {
		if a := h.move(access.Admin, id, body); a.code != 200 {
			t.Fatalf("%v: %s", body, a.body)
		}
	}
	a := h.move(access.Admin, id, map[string]any{"move": "check"})
	if code, detail := a.problem(); a.code != 403 || code != "not_permitted" || !strings.Contains(detail, "同一人") {
		t.Errorf("the administrator handled it and checks it: %d %s", a.code, a.body)
	}
}

func TestARepeatedMoveIsOneMove(t *testing.T) {
	h := open(t)
	id := h.report("只办一次")
	path := fmt.Sprintf("/api/v1/cases/%d/moves", id)
	seqs := make([]int64, 8)
	var group sync.WaitGroup
	for i := range seqs {
		group.Go(func() {
			a := h.ask(access.Specialist, "POST", path, map[string]any{"move": "verify"}, "Idempotency-Key", "m-1")
			var made struct {
				Seq   int64
				State string
			}
			if json.Unmarshal(a.body, &made); a.code != 200 || made.State != "verified" {
				t.Errorf("%d %s", a.code, a.body)
			}
			seqs[i] = made.Seq
		})
	}
	group.Wait()
	for _, seq := range seqs {
		if seq == 0 || seq != seqs[0] {
			t.Fatalf("events %v of one move", seqs)
		}
	}
	for what, a := range map[string]answer{
		"another move":    h.ask(access.Specialist, "POST", path, map[string]any{"move": "reject", "note": "x"}, "Idempotency-Key", "m-1"),
		"another case":    h.ask(access.Specialist, "POST", fmt.Sprintf("/api/v1/cases/%d/moves", h.report("另一件")), map[string]any{"move": "verify"}, "Idempotency-Key", "m-1"),
		"another account": h.ask(access.Operator, "POST", path, map[string]any{"move": "verify"}, "Idempotency-Key", "m-1"),
	} {
		if code, _ := a.problem(); a.code != http.StatusConflict || (code == "key_reused") == (what == "another account") {
			t.Errorf("%s with the key: %d %s", what, a.code, a.body)
		}
	}
}

func TestADatabaseThatIsAwayIsSaidAndComesBack(t *testing.T) {
	h := open(t)
	config, err := pgx.ParseConfig(os.Getenv(dbtest.Variable))
	if err != nil {
		t.Fatal(err)
	}
	admin, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { admin.Close(context.Background()) })
	name := pgx.Identifier{h.pool.Config().ConnConfig.Database}.Sanitize()
	close := func(open bool) {
		if _, err := admin.Exec(context.Background(), fmt.Sprintf("ALTER DATABASE %s ALLOW_CONNECTIONS %t", name, open)); err != nil {
			t.Fatal(err)
		}
	}
	close(false)
	t.Cleanup(func() { close(true) })
	if _, err := admin.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1`, h.pool.Config().ConnConfig.Database); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		a := h.ask(access.Operator, "GET", "/api/v1/cases", nil)
		if code, _ := a.problem(); a.code != http.StatusServiceUnavailable || code != "database_away" || a.header.Get("Retry-After") == "" {
			t.Errorf("%d %s", a.code, a.body)
		}
	}
	h.readiness("a node whose database is away", http.StatusServiceUnavailable, "database_unreachable")
	close(true)
	deadline := time.Now().Add(10 * time.Second)
	for h.ask(access.Officer, "POST", "/api/v1/cases", report("又好了"), "Idempotency-Key", "back").code != http.StatusCreated {
		if time.Now().After(deadline) {
			t.Fatal("it does not come back")
		}
		time.Sleep(50 * time.Millisecond)
	}
	h.readiness("a node whose database came back", http.StatusOK, "")
}

// readiness waits until /readyz says so to nobody in particular, and holds that it says one word.
func (h *house) readiness(what string, want int, code string) {
	h.t.Helper()
	for until := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		a := h.ask("", "GET", "/readyz", nil)
		got, detail := a.problem()
		if a.code == want && got == code {
			if strings.Contains(detail, "127.0.0.1") || strings.Contains(detail, h.pool.Config().ConnConfig.Database) {
				h.t.Errorf("%s tells where its database is: %s", what, detail)
			}
			return
		}
		if time.Now().After(until) {
			h.t.Fatalf("%s: %d %s, want %d %s", what, a.code, a.body, want, code)
		}
	}
}

// A proxy is to send nobody to a node that hears nothing from the log: walls there would stand still.
func TestANodeIsReadyOnceItHearsTheLog(t *testing.T) {
	pool := dbtest.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	d, err := dashboard.Open(ctx, dashboard.Config{Pool: pool, Catalogue: assets.Catalogue(), Pages: fstest.MapFS{}, WebRTCAddr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(d.Handler())
	defer server.Close()
	h := &house{t: t, pool: pool, dash: d, url: server.URL}
	h.readiness("a node that does not follow the log yet", http.StatusServiceUnavailable, "not_live")
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	h.readiness("a node that follows it", http.StatusOK, "")
	cancel()
	h.readiness("a node that stops", http.StatusServiceUnavailable, "stopping")
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestTwoMovesAtOnceAreOneMove(t *testing.T) {
	h := open(t)
	id := h.report("抢办")
	codes := make([]int, 8)
	var group sync.WaitGroup
	for i := range codes {
		group.Go(func() { codes[i] = h.move(access.Specialist, id, map[string]any{"move": "verify"}).code })
	}
	group.Wait()
	won := 0
	for _, c := range codes {
		switch c {
		case 200:
			won++
		case 409:
		default:
			t.Errorf("a move answered %d", c)
		}
	}
	if won != 1 {
		t.Errorf("%d of 8 verified it, want 1", won)
	}
}

func TestTheReporterIsHiddenFromWhoHandles(t *testing.T) {
	h := open(t)
	var made struct{ ID int64 }
	body := report("有人反映")
	body["reporter"] = map[string]string{"name": "某居民", "phone": "10000001234"}
	h.must(access.Operator, "POST", "/api/v1/cases", body, &made)
	path := fmt.Sprintf("/api/v1/cases/%d", made.ID)
	h.dispatched(things{caseID: fmt.Sprint(made.ID)}, "D01")
	for role, sees := range map[access.Role]bool{access.Operator: true, access.DutyLeader: true, access.Dispatcher: false, access.Department: false, access.Officer: false, access.Leader: false, access.Wall: false} {
		a := h.ask(role, "GET", path, nil)
		if a.code != 200 || bytes.Contains(a.body, []byte(`"reporter":{"name":"某**","phone":"100******34","masked":true}`)) != sees || bytes.Contains(a.body, []byte("10000001234")) {
			t.Errorf("%s sees that there is a reporter: %t, want %t, and never whole: %s", role, !sees, sees, a.body)
		}
		if a := h.ask(role, "POST", path+"/reporter", map[string]string{"purpose": "call_back"}); (a.code == 200) != sees || bytes.Contains(a.body, []byte("10000001234")) != sees {
			t.Errorf("%s is shown the reporter: %d %s, want %t", role, a.code, a.body, sees)
		}
	}
	for _, purpose := range []string{"", "curiosity"} {
		a := h.ask(access.Operator, "POST", path+"/reporter", map[string]string{"purpose": purpose})
		if code, _ := a.problem(); code != "purpose_missing" || bytes.Contains(a.body, []byte("10000001234")) {
			t.Errorf("for %q: %d %s", purpose, a.code, a.body)
		}
	}
	var told int
	const asked = `SELECT count(*) FROM audit_entry WHERE act = 'reporter.view' AND object = $1 AND detail->>'purpose' = 'call_back'`
	if err := h.pool.QueryRow(t.Context(), asked, fmt.Sprint(made.ID)).Scan(&told); err != nil || told != 2 {
		t.Errorf("%d of 2 looks at the reporter are on the audit (%v)", told, err)
	}
	if err := h.pool.QueryRow(t.Context(), `SELECT count(*) FROM event WHERE data::text LIKE '%10000001234%'`).Scan(&told); err != nil || told != 0 {
		t.Errorf("%d events name the reporter (%v)", told, err)
	}
}

func TestListsAnswerTheirFilters(t *testing.T) {
	h := open(t)
	first := h.report("甲 路灯")
	second := h.report("乙 井盖")
	if a := h.move(access.Specialist, second, map[string]any{"move": "verify"}); a.code != 200 {
		t.Fatal(string(a.body))
	}
	for query, want := range map[string][]int64{
		"":                               {second, first},
		"state=reported":                 {first},
		"state=reported,verified":        {second, first},
		"open=true":                      {second, first},
		"open=false":                     {},
		"grid=150621901":                 {second, first},
		"grid=150621901001002":           {},
		"bbox=110,40.40,110.004,40.41":   {second, first},
		"bbox=110.01,40.40,110.02,40.41": {},
		"light=green":                    {second, first},
		"light=red":                      {},
		"q=路灯":                           {first},
		"q=%25":                          {},
		"priority=normal":                {second, first},
		"limit=1":                        {second},
		fmt.Sprintf("after=%d", second):  {first},
		"since=2199-01-01T00:00:00Z":     {},
		"flow=incident&since=2000-01-01T00:00:00Z": {second, first},
	} {
		var answer struct {
			Seq   int64
			Cases []struct{ ID int64 }
		}
		h.must(access.Leader, "GET", "/api/v1/cases?"+query, nil, &answer)
		var got []int64
		for _, c := range answer.Cases {
			got = append(got, c.ID)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || answer.Seq < 3 {
			t.Errorf("%s: %v up to %d, want %v", query, got, answer.Seq, want)
		}
	}
	for _, query := range []string{"open=maybe", "bbox=1,2,3", "limit=0", "since=yesterday", "after=-1"} {
		if a := h.ask(access.Leader, "GET", "/api/v1/cases?"+query, nil); a.code != http.StatusBadRequest {
			t.Errorf("%s: %d", query, a.code)
		}
	}
}

func TestATileIsNewAfterAChangeAndNotSentTwice(t *testing.T) {
	h := open(t)
	const path = "/tiles/cameras/14/13198/6178.mvt"
	a := h.ask(access.Wall, "GET", path, nil)
	if a.code != 200 || a.header.Get("ETag") == "" {
		t.Fatalf("%d %v %s", a.code, a.header, a.body)
	}
	etag := a.header.Get("ETag")
	if a := h.ask(access.Wall, "GET", path, nil, "If-None-Match", etag); a.code != http.StatusNotModified || len(a.body) != 0 {
		t.Errorf("the same tile again: %d", a.code)
	}
	// Another process moves the camera and says so in the log, as the importer does.
	err := pgx.BeginFunc(t.Context(), h.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `UPDATE camera SET geom = ST_SetSRID(ST_MakePoint(110.0055, 40.4055), 4326) WHERE id = 'C1'`); err != nil {
			return err
		}
		_, err := live.Append(t.Context(), tx, live.Draft{Type: "camera.changed", At: time.Now(), Data: struct{}{}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Second); ; time.Sleep(5 * time.Millisecond) {
		if a := h.ask(access.Wall, "GET", path, nil, "If-None-Match", etag); a.code == 200 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the tile is stale a second after the change")
		}
	}
}

func TestAWallIsNotSavedOverSomebodyElse(t *testing.T) {
	h := open(t)
	var wall map[string]any
	h.must(access.Operator, "GET", "/api/v1/walls/main", nil, &wall)
	wall["strip"] = []string{"C1"}
	h.must(access.Operator, "PUT", "/api/v1/walls/main", wall, nil)
	a := h.ask(access.DutyLeader, "PUT", "/api/v1/walls/main", wall) // with the old revision
	if code, _ := a.problem(); a.code != http.StatusConflict || code != "revision_conflict" || !bytes.Contains(a.body, []byte(`"standing":{"id":"main","revision":2`)) {
		t.Errorf("%d %s", a.code, a.body)
	}
}

func TestTheClockOfAnOrdinaryServerCannotBeSet(t *testing.T) {
	h := open(t)
	if a := h.ask(access.Admin, "PUT", "/api/v1/clock", map[string]string{"now": "2018-12-24T07:05:00Z"}); a.code != http.StatusBadRequest {
		t.Errorf("%d %s", a.code, a.body)
	}
}

func TestAnotherSiteCannotPost(t *testing.T) {
	h := open(t)
	if a := h.ask(access.Officer, "POST", "/api/v1/cases", report("x"), "Sec-Fetch-Site", "cross-site", "Origin", "https://elsewhere.example"); a.code != http.StatusForbidden {
		t.Errorf("%d %s", a.code, a.body)
	}
}
