package dashboard_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"

	"gridwall/dashboard"
	"gridwall/dashboard/access"
	signin "gridwall/dashboard/access/oidc"
	"gridwall/migrations/dbtest"
)

// groups gives the people of the provider's store claims that rules can be made of.
type groups struct {
	*storage.Storage

	mu sync.Mutex
	of map[string][]string // by subject
}

func (g *groups) add(info *oidc.UserInfo, subject string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	info.AppendClaims("groups", g.of[subject])
}

func (g *groups) set(subject string, list ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.of[subject] = list
}

func (g *groups) SetUserinfoFromToken(ctx context.Context, info *oidc.UserInfo, tokenID, subject, origin string) error {
	err := g.Storage.SetUserinfoFromToken(ctx, info, tokenID, subject, origin)
	g.add(info, info.Subject)
	return err
}

// provider is a real OpenID provider in this process, and a centre that signs in there.
type provider struct {
	*house
	groups *groups
	at     *signin.Provider
	// spoil changes what the token endpoint answers; nil: nothing.
	spoil func(answer map[string]any)
}

func withProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{}
	server := httptest.NewUnstartedServer(nil)
	issuer := "http://" + server.Listener.Addr().String() + "/"
	pool := dbtest.Open(t)
	if _, err := pool.Exec(t.Context(), places); err != nil {
		t.Fatal(err)
	}
	config := signin.Config{Issuer: issuer, ClientID: "gridwall", ClientSecret: "hush", URL: "http://gridwall.test", Scopes: []string{"profile", "email"}, Roles: []signin.Rule{
		{Claim: "groups", Value: "street-1", Role: access.Officer, Grid: ownGrid},
		{Claim: "groups", Value: "dispatch", Role: access.Dispatcher},
	}}
	config.Name.ZH, config.Name.EN = "统一身份认证", "Single sign-on"
	var err error
	if p.at, err = signin.New(config); err != nil {
		t.Fatal(err)
	}
	dash, at := serveWith(t, pool, func(c *dashboard.Config) { c.OIDC = p.at })
	p.at.URL = at
	p.house = &house{t: t, pool: pool, dash: dash, url: at}
	// A store of its own: that of the example is one for the process.
	storage.RegisterClients(storage.WebClient("gridwall", "hush", at+signin.CallbackPath))
	p.groups = &groups{Storage: storage.NewStorage(storage.NewUserStore(issuer)), of: map[string][]string{}}
	router := exampleop.SetupServer(issuer, p.groups, nil, false)
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.spoil == nil || r.URL.Path != "/oauth/token" {
			router.ServeHTTP(w, r)
			return
		}
		kept := httptest.NewRecorder()
		router.ServeHTTP(kept, r)
		var answer map[string]any
		if json.Unmarshal(kept.Body.Bytes(), &answer) == nil {
			p.spoil(answer)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(kept.Code)
		_ = json.NewEncoder(w).Encode(answer)
	})
	server.Start()
	t.Cleanup(server.Close)
	return p
}

// person is somebody's browser.
type person struct {
	*http.Client
	p *provider
	// back is the address that the provider sent the browser back to; hold leaves it unasked.
	back *url.URL
	hold bool
}

func (p *provider) person() *person {
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	b := &person{p: p}
	b.Client = &http.Client{Jar: jar, Timeout: time.Minute, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == signin.CallbackPath {
			if b.back = r.URL; b.hold {
				return http.ErrUseLastResponse
			}
		}
		return nil
	}}
	return b
}

var requestID = regexp.MustCompile(`name="id" value="([^"]+)"`)

// signIn goes the whole way and tells where the browser ends.
func (b *person) signIn(username, next string) *url.URL {
	b.p.t.Helper()
	resp, err := b.Get(b.p.url + "/login/oidc?next=" + url.QueryEscape(next))
	if err != nil {
		b.p.t.Fatal(err)
	}
	form, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	id := requestID.FindSubmatch(form)
	if err != nil || id == nil {
		b.p.t.Fatalf("the provider's page: %s %v", form, err)
	}
	resp, err = b.PostForm(resp.Request.URL.String(), url.Values{"id": {string(id[1])}, "username": {username}, "password": {"verysecure"}})
	if err != nil {
		b.p.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.Request.URL
}

// who is the account that the browser's session is of; empty: none.
func (b *person) who() (a struct {
	Username, Name, Role string
	Grid                 *string
}) {
	resp, err := b.Get(b.p.url + "/api/v1/session")
	if err != nil {
		b.p.t.Fatal(err)
	}
	defer resp.Body.Close()
	var in struct{ Account any }
	text, _ := io.ReadAll(resp.Body)
	_ = json.Unmarshal(text, &in)
	again, _ := json.Marshal(in.Account)
	_ = json.Unmarshal(again, &a)
	return a
}

func TestAPersonSignsInAtTheOpenIDProviderAndHasTheRoleOfTheRules(t *testing.T) {
	p := withProvider(t)
	p.groups.set("id2", "staff", "street-1")
	b := p.person()
	if end := b.signIn("test-user2", "/?case=1"); end.RequestURI() != "/?case=1" {
		t.Errorf("it ended at %s", end)
	}
	if a := b.who(); a.Username != "test-user2" || a.Role != "officer" || a.Grid == nil || *a.Grid != ownGrid || !strings.Contains(a.Name, "Test") {
		t.Errorf("%+v", a)
	}
	p.groups.set("id2", "dispatch")
	b = p.person()
	b.signIn("test-user2", "/")
	if a := b.who(); a.Username != "test-user2" || a.Role != "dispatcher" || a.Grid != nil {
		t.Errorf("after the groups changed: %+v", a)
	}
	p.groups.set("id2")
	if end := p.person().signIn("test-user2", "/"); end.Query().Get("trouble") != "oidc_no_role" {
		t.Errorf("without a group: %s", end)
	}
	if err := p.dash.Access.Shut(t.Context(), "test-user2"); err != nil {
		t.Fatal(err)
	}
	p.groups.set("id2", "dispatch")
	if end := p.person().signIn("test-user2", "/"); end.Query().Get("trouble") != "oidc_shut" {
		t.Errorf("an account that was shut here: %s", end)
	}
	if a := b.who(); a.Username != "" {
		t.Errorf("its session goes on: %+v", a)
	}

	host := strings.Split(strings.TrimPrefix(p.at.Issuer, "http://"), ":")[0]
	name := strings.ReplaceAll("test-user@"+host, "@", "-")
	if err := p.dash.Access.SaveAccount(t.Context(), access.Account{Username: name, Name: "本地", Role: access.Admin, Password: "correct horse"}); err != nil {
		t.Fatal(err)
	}
	p.groups.set("id1", "dispatch")
	if end := p.person().signIn("test-user@"+host, "/"); end.Query().Get("trouble") != "oidc_name_taken" {
		t.Errorf("an account of the same name became somebody else's: %s", end)
	}
	var ways struct {
		OIDC struct{ Name struct{ ZH, EN string } }
	}
	a := p.ask("", "GET", "/api/v1/session/ways", nil)
	if err := json.Unmarshal(a.body, &ways); err != nil || ways.OIDC.Name.EN != "Single sign-on" || bytes.Contains(a.body, []byte("hush")) {
		t.Errorf("%s, %v", a.body, err)
	}
}

// What an attacker can do with addresses, cookies and codes at the callback, and with what the provider says.
func TestOnlyTheBrowserThatBeganComesBackFromTheProviderAndOnce(t *testing.T) {
	p := withProvider(t)
	p.groups.set("id2", "dispatch")
	refused := func(what string, resp *http.Response, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		resp.Body.Close()
		if resp.Request.URL.Query().Get("trouble") != "oidc_refused" {
			t.Errorf("%s ended at %s, %d", what, resp.Request.URL, resp.StatusCode)
		}
	}

	b := p.person()
	b.signIn("test-user2", "/")
	resp, err := b.Get(b.back.String())
	refused("the same address again", resp, err)

	victim, attacker := p.person(), p.person()
	attacker.hold = true
	attacker.signIn("test-user2", "/")
	resp, err = victim.Get(attacker.back.String())
	refused("an attacker's address in another browser", resp, err)

	victim.hold = true
	victim.signIn("test-user2", "/")
	q := victim.back.Query()
	q.Set("code", attacker.back.Query().Get("code"))
	victim.hold = false
	resp, err = victim.Get(p.url + signin.CallbackPath + "?" + q.Encode())
	refused("an attacker's code in the victim's sign-in (PKCE)", resp, err)
	if a := victim.who(); a.Username != "" {
		t.Errorf("the victim is signed in as %+v", a)
	}

	at, _ := url.Parse(p.url + signin.CallbackPath)
	change := func(what string, change func(*signin.Pending)) {
		t.Helper()
		b := p.person()
		b.hold = true
		b.signIn("test-user2", "/")
		b.hold = false
		for _, c := range b.Jar.Cookies(at) {
			if c.Name == "gridwall_oidc" {
				text, _ := base64.RawURLEncoding.DecodeString(c.Value)
				pending := signin.Kept(string(text))
				change(&pending)
				kept, err := pending.Keep()
				if err != nil {
					t.Fatal(err)
				}
				c.Value, c.Path = base64.RawURLEncoding.EncodeToString([]byte(kept)), "/"
				b.Jar.SetCookies(at, []*http.Cookie{c})
			}
		}
		resp, err := b.Get(b.back.String())
		if what == "" {
			resp.Body.Close()
			if b.who().Username == "" {
				t.Errorf("the cookie as it was: %v, %s", err, resp.Request.URL)
			}
			return
		}
		refused(what, resp, err)
	}
	change("", func(*signin.Pending) {})
	change("another state", func(p *signin.Pending) { p.State = "other" })
	change("another nonce", func(p *signin.Pending) { p.Nonce = "other" })
	change("one that is over", func(p *signin.Pending) { p.Until = time.Now().Add(-time.Second) })

	p.spoil = func(answer map[string]any) {
		parts := strings.Split(answer["id_token"].(string), ".")
		text, _ := base64.RawURLEncoding.DecodeString(parts[1])
		parts[1] = base64.RawURLEncoding.EncodeToString(bytes.Replace(text, []byte(`"sub":"id2"`), []byte(`"sub":"id1"`), 1))
		answer["id_token"] = strings.Join(parts, ".")
	}
	if end := p.person().signIn("test-user2", "/"); end.Query().Get("trouble") != "oidc_refused" {
		t.Errorf("a token that was changed: %s", end)
	}
	p.spoil = func(answer map[string]any) {
		parts := strings.Split(answer["id_token"].(string), ".")
		answer["id_token"] = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
	}
	if end := p.person().signIn("test-user2", "/"); end.Query().Get("trouble") != "oidc_refused" {
		t.Errorf("a token that nobody signed: %s", end)
	}
	p.spoil = nil
	for _, next := range []string{"https://evil.example/", "//evil.example/", `/\evil.example`, "javascript:alert(1)", ""} {
		if end := p.person().signIn("test-user2", next); end.String() != p.url+"/" {
			t.Errorf("%q led to %s", next, end)
		}
	}
}

func TestAProviderThatIsAwayLeavesThePasswordsTheirWay(t *testing.T) {
	config := signin.Config{Issuer: "http://127.0.0.1:9/", ClientID: "gridwall", URL: "http://gridwall.test", Roles: []signin.Rule{{Claim: "groups", Value: "x", Role: access.Leader}}}
	config.Name.ZH, config.Name.EN = "统一", "Sign-on"
	at, err := signin.New(config)
	if err != nil {
		t.Fatal(err)
	}
	pool := dbtest.Open(t)
	dash, address := serveWith(t, pool, func(c *dashboard.Config) { c.OIDC = at })
	h := &house{t: t, pool: pool, dash: dash, url: address}
	a := h.ask("", "GET", "/login/oidc?next=/leader", nil)
	if to := a.header.Get("Location"); a.code != http.StatusSeeOther || !strings.HasPrefix(to, "/login?") || !strings.Contains(to, "oidc_away") {
		t.Errorf("%d %s", a.code, to)
	}
	h.browser("lin", access.Operator)
}

func TestTheExampleOfAProviderIsRead(t *testing.T) {
	text, err := os.ReadFile("../.deploy/oidc.yaml")
	if err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	file := filepath.Join(t.TempDir(), "oidc.yaml")
	text = bytes.ReplaceAll(text, []byte("/etc/gridwall/oidc-secret"), []byte(secret))
	if err := errors.Join(os.WriteFile(secret, []byte("hush\n"), 0o600), os.WriteFile(file, text, 0o600)); err != nil {
		t.Fatal(err)
	}
	p, err := signin.Read(file)
	if err != nil || p.ClientSecret != "hush" || len(p.Roles) != 4 {
		t.Fatalf("%+v, %v", p, err)
	}
	if err := os.WriteFile(file, append(text, []byte("rolls: []\n")...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := signin.Read(file); err == nil || !strings.Contains(err.Error(), "rolls") {
		t.Errorf("a word that means nothing: %v", err)
	}
}

func TestAFileOfAProviderThatIsWrongIsRefused(t *testing.T) {
	good := signin.Config{Issuer: "https://id.example", ClientID: "x", URL: "https://g.example", Roles: []signin.Rule{{Claim: "groups", Value: "x", Role: access.Leader}}}
	good.Name.ZH, good.Name.EN = "统一", "Sign-on"
	if _, err := signin.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*signin.Config){
		"no issuer":                    func(c *signin.Config) { c.Issuer = "" },
		"no rules":                     func(c *signin.Config) { c.Roles = nil },
		"a role that there is not":     func(c *signin.Config) { c.Roles = []signin.Rule{{Claim: "a", Value: "b", Role: "god"}} },
		"a wall":                       func(c *signin.Config) { c.Roles = []signin.Rule{{Claim: "a", Value: "b", Role: access.Wall}} },
		"a rule that fits everybody":   func(c *signin.Config) { c.Roles = []signin.Rule{{Role: access.Admin}} },
		"a department without a name":  func(c *signin.Config) { c.Roles = []signin.Rule{{Claim: "a", Value: "b", Role: access.Department}} },
		"a secret file that is absent": func(c *signin.Config) { c.SecretFile = "/nonexistent" },
	} {
		c := good
		change(&c)
		if _, err := signin.New(c); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
