package dashboard_test

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"gridwall/dashboard/access"
)

func TestALinkPlaysOneCameraForAWhile(t *testing.T) {
	h, _, _ := cinema(t)
	var link struct {
		Token, HLS, WHEP, RTSP string
		Expires                time.Time `json:"expires_at"`
	}
	h.must(access.Admin, "POST", "/api/v1/cameras/C1/links", map[string]any{"ttl_s": 120}, &link)
	if left := time.Until(link.Expires); left > 2*time.Minute || left < 0 {
		t.Errorf("it expires in %v", left)
	}
	for name, address := range map[string]string{"hls": link.HLS, "rtsp": link.RTSP} {
		out, err := exec.Command("ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", address).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "h264") {
			t.Errorf("%s: %v %s", name, err, out)
		}
	}
	room := access.New(h.pool)
	admin, err := room.Follow(t.Context(), link.Token, "C1")
	if err != nil || admin.Username != "admin" {
		t.Fatalf("%+v, %v", admin, err)
	}
	over, _, err := room.NewLink(t.Context(), admin, "C1", -time.Second)
	if err != nil {
		t.Fatal(err)
	}
	body, signature, _ := strings.Cut(link.Token, ".")
	hls := "/streams/C1/hls/index.m3u8?token="
	for _, tc := range []struct {
		name, path string
		code       int
	}{
		{"as it is", hls + link.Token, http.StatusOK},
		{"another camera", strings.Replace(hls, "C1", "C2", 1) + link.Token, http.StatusUnauthorized},
		{"over", hls + over, http.StatusUnauthorized},
		{"another signature", hls + body + "." + strings.Repeat("A", len(signature)), http.StatusUnauthorized},
		{"another text", hls + "A" + body + "." + signature, http.StatusUnauthorized},
		{"no token at all", hls + "x", http.StatusUnauthorized},
		{"a lasting token", hls + h.tokens[access.Admin], http.StatusUnauthorized},
		{"what is no picture", "/api/v1/cameras/C1?token=" + link.Token, http.StatusUnauthorized},
	} {
		if a := h.ask("", "GET", tc.path, nil); a.code != tc.code {
			t.Errorf("%s: %d %s", tc.name, a.code, a.body)
		}
	}
	if a := h.ask("", "POST", "/streams/C1/whep?token="+link.Token, []byte("v=0"), "Content-Type", "application/sdp"); a.code != http.StatusBadRequest {
		t.Errorf("whep: %d %s", a.code, a.body)
	}
	if a := h.ask(access.Officer, "POST", "/api/v1/cameras/C1/links", nil); a.code != http.StatusForbidden {
		t.Errorf("who may not play makes a link: %d", a.code)
	}
	if a := h.ask(access.Wall, "POST", "/api/v1/cameras/C2/links", nil); a.code != http.StatusNotFound {
		t.Errorf("a wall makes a link of a secret camera: %d", a.code)
	}
	if a := h.ask(access.Admin, "POST", "/api/v1/cameras/C1/links", map[string]any{"ttl_s": 1e6}); a.code != http.StatusBadRequest {
		t.Errorf("for ever: %d", a.code)
	}
	if _, err := h.pool.Exec(t.Context(), `UPDATE account SET active = false WHERE username = 'admin'`); err != nil {
		t.Fatal(err)
	}
	if _, err := access.New(h.pool).Follow(t.Context(), link.Token, "C1"); err == nil {
		t.Error("it plays on in the name of an account that is no more")
	}
}

// RTSP has no field for a code: a password alone does not open what two factors shut.
func TestAnAccountWithASecondFactorPlaysRTSPByATokenAlone(t *testing.T) {
	h, rtsp, _ := cinema(t)
	mine := []string{"Cookie", h.browser("lin", access.Operator).String()}
	probe := func(user string) (string, error) {
		out, err := exec.Command("ffprobe", "-v", "error", "-rtsp_transport", "tcp", "rtsp://"+user+"@"+rtsp+"/C1").CombinedOutput()
		return string(out), err
	}
	if out, err := probe("lin:correct%20horse"); err != nil {
		t.Fatalf("before there is a second factor: %v %s", err, out)
	}
	var begun struct{ Secret string }
	a := h.ask("", "POST", "/api/v1/session/factor", map[string]string{"password": "correct horse"}, mine...)
	if err := json.Unmarshal(a.body, &begun); err != nil || a.code != 200 {
		t.Fatalf("%d %s", a.code, a.body)
	}
	if a := h.ask("", "POST", "/api/v1/session/factor/confirm", map[string]string{"code": authenticator(t, begun.Secret)}, mine...); a.code != 200 {
		t.Fatalf("%d %s", a.code, a.body)
	}
	if out, err := probe("lin:correct%20horse"); err == nil || !strings.Contains(out, "401") {
		t.Errorf("by the password alone: %v %s", err, out)
	}
	token, err := h.dash.Access.NewToken(t.Context(), "lin", "player")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := probe("token:" + token); err != nil {
		t.Errorf("by a token: %v %s", err, out)
	}
}

func TestWhoWatchedWhatFromWhenToWhenIsOnTheAudit(t *testing.T) {
	h, rtsp, _ := cinema(t)
	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(h.url, "http")+"/streams", http.Header{"Authorization": {"Bearer " + h.tokens[access.Wall]}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.WriteJSON(map[string]any{"subscribe": []any{map[string]any{"stream": 1, "id": "C1", "visible": true}, map[string]any{"stream": 2, "id": "C2", "visible": true}}}); err != nil {
		t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(60 * time.Second))
	if _, _, err := conn.ReadMessage(); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("ffprobe", "-v", "error", "-rtsp_transport", "tcp", "rtsp://admin:pass-of-admin@"+rtsp+"/C2").CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if a := h.ask(access.Admin, "GET", "/streams/C1/hls/index.m3u8", nil); a.code != http.StatusOK {
		t.Fatalf("%d %s", a.code, a.body)
	}
	conn.Close()
	var got map[string]bool
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		var log struct {
			Entries []struct {
				Act, Object, Username string
				At                    time.Time
				Until                 *time.Time
				Detail                json.RawMessage
			}
		}
		h.must(access.Admin, "GET", "/api/v1/audit?act=camera.play", nil, &log)
		got = map[string]bool{}
		for _, e := range log.Entries {
			got[e.Username+" "+e.Object+" "+string(e.Detail)] = e.Until != nil && !e.Until.Before(e.At)
		}
		if len(got) >= 3 && got[`main C1 {"way":"page"}`] && got[`admin C2 {"way":"rtsp"}`] {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%v", got)
		}
	}
	if _, known := got[`admin C1 {"way":"hls"}`]; !known {
		t.Error("hls is not on it")
	}
	if len(got) != 3 {
		t.Errorf("a wall that asked for a secret camera did not watch it: %v", got)
	}
}
