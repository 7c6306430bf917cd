package dashboard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"image/jpeg"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/assets"
	"gridwall/dashboard"
	"gridwall/dashboard/access"
	"gridwall/dashboard/cameras/seal"
	"gridwall/migrations/dbtest"
	"gridwall/streams/streamtest/film"
)

// journal is a log that a test reads.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// cinema is a house with cameras that play: C1 for everyone, C2 secret, and some that are in trouble.
func cinema(t *testing.T) (h *house, rtspURL string, log *journal) {
	t.Helper()
	pool := dbtest.Open(t)
	if _, err := pool.Exec(t.Context(), places); err != nil {
		t.Fatal(err)
	}
	plays := film.Serve(t, film.Habits{User: "admin", Password: "geheim"}, film.Draw(t, film.Spec{Sound: "aac"})).URL
	for id, url := range map[string]string{
		"C1":     plays,
		"C2":     plays,
		"wrong":  strings.Replace(plays, "geheim", "geheim-2", 1),
		"dark":   "rtsp://admin:geheim@127.0.0.1:9/x?password=geheim",
		"noname": "rtsp://admin:geheim@no-such-name.invalid/x",
		"broken": "rtsp://admin:ge/heim@127.0.0.1/x",
	} {
		addCamera(t, pool, id, url)
	}
	rtsp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log = &journal{}
	ctx, cancel := context.WithCancel(context.Background())
	keys, err := seal.Open(filepath.Join(t.TempDir(), seal.File), true)
	if err != nil {
		t.Fatal(err)
	}
	d, err := dashboard.Open(ctx, dashboard.Config{Pool: pool, Catalogue: assets.Catalogue(), Pages: fstest.MapFS{}, WebRTCAddr: "127.0.0.1:0", RTSP: rtsp, CameraKeys: keys,
		Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	web := httptest.NewServer(d.Handler())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		web.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	h = &house{t, pool, d, web.URL, map[access.Role]string{}}
	for _, role := range []access.Role{access.Admin, access.Officer} {
		if err := d.Access.SaveAccount(t.Context(), access.Account{Username: string(role), Name: string(role), Role: role, Password: "pass-of-" + string(role)}); err != nil {
			t.Fatal(err)
		}
		if h.tokens[role], err = d.Access.NewToken(t.Context(), string(role), "test"); err != nil {
			t.Fatal(err)
		}
	}
	if h.tokens[access.Wall], err = d.Access.NewDevice(t.Context(), "main"); err != nil {
		t.Fatal(err)
	}
	return h, rtsp.Addr().String(), log
}

func addCamera(t *testing.T, pool *pgxpool.Pool, id, url string) {
	t.Helper()
	const upsert = `
	INSERT INTO camera (id, name, url, sub_url, geom) VALUES ($1, $1, $2, $2, ST_SetSRID(ST_MakePoint(110.005, 40.405), 4326))
	ON CONFLICT (id) DO UPDATE SET url = EXCLUDED.url, sub_url = EXCLUDED.sub_url`
	if _, err := pool.Exec(t.Context(), upsert, id, url); err != nil {
		t.Fatal(err)
	}
}

func TestACameraPlaysForOtherPlayersByTheSameRights(t *testing.T) {
	h, rtsp, _ := cinema(t)
	a := h.ask(access.Wall, "GET", "/api/v1/cameras/C1/snapshot.jpg", nil)
	if _, err := jpeg.Decode(bytes.NewReader(a.body)); a.code != http.StatusOK || err != nil {
		t.Errorf("snapshot: %d, %v: %.100s", a.code, err, a.body)
	}
	if a := h.ask(access.Wall, "GET", "/streams/C1/hls/index.m3u8", nil); a.code != http.StatusOK || !bytes.HasPrefix(a.body, []byte("#EXTM3U")) {
		t.Errorf("hls: %d %s", a.code, a.body)
	}
	for _, tc := range []struct {
		role access.Role
		path string
		code int
	}{
		{access.Wall, "/api/v1/cameras/C2/snapshot.jpg", http.StatusNotFound}, // secret
		{access.Wall, "/streams/C2/hls/index.m3u8", http.StatusNotFound},
		{access.Officer, "/api/v1/cameras/C1/snapshot.jpg", http.StatusForbidden},
		{access.Officer, "/streams/C1/hls/index.m3u8", http.StatusForbidden},
		{access.Admin, "/api/v1/cameras/dark/snapshot.jpg", http.StatusServiceUnavailable},
		{access.Admin, "/streams/C1/hls/index.m3u9", http.StatusNotFound},
		{access.Admin, "/streams/C1/hls/seg-99999.m4s", http.StatusNotFound},
	} {
		if a := h.ask(tc.role, "GET", tc.path, nil); a.code != tc.code {
			t.Errorf("%s %s: %d %s", tc.role, tc.path, a.code, a.body)
		}
	}
	var link map[string]any
	h.must(access.Wall, "POST", "/api/v1/cameras/C1/links", nil, &link)
	for _, tc := range []struct {
		login, path string
		plays       bool
	}{
		{"admin:pass-of-admin@", "C2", true},
		{"token:" + h.tokens[access.Wall] + "@", "C1", true},
		{"", "C1?token=" + link["token"].(string), true},
		{"", "C2?token=" + link["token"].(string), false},
		{"", "C1?token=" + h.tokens[access.Wall], false}, // lasting tokens are not for addresses
		{"token:" + h.tokens[access.Wall] + "@", "C2", false},
		{"officer:pass-of-officer@", "C1", false},
		{"admin:wrong@", "C1", false},
		{"", "C1", false},
	} {
		out, err := exec.Command("ffprobe", "-v", "error", "-rtsp_transport", "tcp", "rtsp://"+tc.login+rtsp+"/"+tc.path).CombinedOutput()
		if (err == nil) != tc.plays {
			t.Errorf("%s as %.10q: %v %s", tc.path, tc.login, err, out)
		}
	}
}

// TestCredentialsOfCamerasAreNowhereWhileTheyFail asks everything there is while cameras play and fail, and looks for
// the passwords in every answer, in what the sockets say, in the metrics and in the log at its most talkative.
func TestCredentialsOfCamerasAreNowhereWhileTheyFail(t *testing.T) {
	h, rtsp, log := cinema(t)
	var said bytes.Buffer
	ids := []string{"C1", "C2", "wrong", "dark", "noname", "broken"}

	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(h.url, "http")+"/streams", http.Header{"Authorization": {"Bearer " + h.tokens[access.Admin]}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var wishes []any
	for i, id := range ids {
		wishes = append(wishes, map[string]any{"stream": 2*i + 1, "id": id, "visible": true, "sound": true}, map[string]any{"stream": 2*i + 2, "id": id, "profile": "sub", "visible": true})
	}
	if err := conn.WriteJSON(map[string]any{"subscribe": wishes}); err != nil {
		t.Fatal(err)
	}
	troubles := 0
	for end := time.Now().Add(6 * time.Second); time.Now().Before(end); {
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		_, b, err := conn.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		troubles += bytes.Count(b, []byte(`"code"`))
		said.Write(b)
	}
	if troubles < 4 {
		t.Fatalf("only %d troubles were told: the cameras do not fail as they should", troubles)
	}

	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	h.must(access.Admin, "GET", "/api/v1/openapi.json", nil, &document)
	asked := 0
	for path, methods := range document.Paths {
		for _, id := range ids {
			p := strings.NewReplacer("{id}", id, "{file}", "index.m3u8", "{session}", "none", "{z}", "14", "{x}", "13194", "{layer}", "cameras").Replace(path)
			for method := range methods {
				method = strings.ToUpper(method)
				socket := strings.HasSuffix(path, "/mse") || path == "/streams" || path == "/live"
				if method == "DELETE" || socket || strings.Contains(path, "session") {
					continue
				}
				var body any
				if method != "GET" {
					body = map[string]any{}
				}
				a := h.ask(access.Admin, method, p, body, "Content-Type", map[bool]string{true: "application/sdp", false: "application/json"}[strings.HasSuffix(path, "/whep")])
				said.Write(a.body)
				for name, values := range a.header {
					said.WriteString(name + ": " + strings.Join(values, ",") + "\n")
				}
				asked++
			}
			if !strings.Contains(path, "{id}") {
				break
			}
		}
	}
	for _, id := range ids {
		out, _ := exec.Command("ffprobe", "-v", "debug", "-rtsp_transport", "tcp", "rtsp://token:"+h.tokens[access.Admin]+"@"+rtsp+"/"+id).CombinedOutput()
		said.Write(out)
	}
	// A list with faults, in a dry run and in earnest, and one that is no list at all.
	for _, path := range []string{"/api/v1/cameras/import?datum=wgs84&dry_run=true", "/api/v1/cameras/import?datum=wgs84", "/api/v1/cameras/import", "/api/v1/cameras/import?datum=geheim"} {
		for _, list := range []string{
			"id,name,地址,password,lon,lat,方位角\nC1,a,rtsp://admin:geheim@h/x,geheim,110,40,geheim\nC9,rtsp://admin:geheim@h/x,http://admin:geheim@h/x,geheim,,40,\n",
			"id,name,地址,lon,lat\nC1,\"a,rtsp://admin:geheim@h/x,110,40\n", "rtsp://admin:geheim@h/x",
			"id,name,url,lon,lat\nC8,neu,rtsp://admin:geheim@127.0.0.1:9/x,110.005,40.405\n",
		} {
			a := h.ask(access.Admin, "POST", path, []byte(list))
			said.Write(bytes.ReplaceAll(a.body, []byte(`datum=geheim`), nil))
		}
	}
	for _, id := range ids { // what is changed and removed while it fails
		for _, body := range []map[string]any{{"ids": []string{id}, "action": "sub", "value": "auto"}, {"ids": []string{id}, "action": "disable"}, {"ids": []string{id}, "action": "enable"}, {"ids": []string{id}, "action": "geheim"}} {
			said.Write(h.ask(access.Admin, "POST", "/api/v1/cameras/bulk", body).body)
		}
		save := map[string]any{"id": id, "name": id, "url": "rtsp://127.0.0.1:9/x", "username": "admin", "password": "geheim", "lon": 110.005, "lat": 40.405}
		said.Write(h.ask(access.Admin, "POST", "/api/v1/cameras", save).body)
		for _, path := range []string{"/record", "/changes", "/snapshot.jpg", ""} {
			said.Write(h.ask(access.Admin, "GET", "/api/v1/cameras/"+id+path, nil).body)
		}
	}
	for _, path := range []string{"/api/v1/cameras/registry?q=geh", "/api/v1/cameras/export.csv", "/api/v1/export/cameras.csv", "/ogc/collections/cameras/items", "/metrics"} {
		said.Write(h.ask(access.Admin, "GET", path, nil).body)
	}
	if a := h.ask(access.Admin, "DELETE", "/api/v1/cameras/wrong", nil); a.code != http.StatusNoContent {
		t.Errorf("remove: %d %s", a.code, a.body)
	}
	var kept string
	if err := h.pool.QueryRow(t.Context(), `SELECT string_agg(t, ' ') FROM (SELECT c::text AS t FROM camera AS c UNION ALL SELECT c::text FROM camera_change AS c UNION ALL SELECT c::text FROM import_change AS c UNION ALL SELECT data::text FROM event) AS all_rows`).Scan(&kept); err != nil {
		t.Fatal(err)
	}
	// A camera that cannot be saved is refused in words that do not repeat its address.
	for _, url := range []string{"http://admin:geheim@h/x", "rtsp://admin:ge heim@%zz/x"} {
		a := h.ask(access.Admin, "POST", "/api/v1/cameras", map[string]any{"id": "new", "name": "new", "url": url, "lon": 110.005, "lat": 40.405})
		said.Write(a.body)
	}
	if asked < 40 {
		t.Errorf("only %d requests were made", asked)
	}
	if !strings.Contains(log.String(), "camera lost") || !bytes.Contains(said.Bytes(), []byte("gridwall_streams_cameras")) {
		t.Error("the log or the metrics were not looked at")
	}
	for where, text := range map[string]string{"an answer": said.String(), "the log": log.String(), "the database": kept} {
		for _, secret := range []string{"geheim", "ge/heim", "ge heim", "heim@"} {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("%q is in %s: …%s…", secret, where, text[max(i-150, 0):min(i+100, len(text))])
			}
		}
	}
}
