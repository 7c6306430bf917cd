// Package oidc signs people in at the site's OpenID provider: the authorisation code flow with PKCE (OpenID Connect Core 1.0,
// RFC 7636), and roles by rules over the claims.
//
// The life of a sign-in: Begin gives the address to go to and what the browser keeps meanwhile, Finish takes the code that
// comes back with it, exchanges it, checks the ID token (issuer, audience, signature, time, nonce) and says who it is.
package oidc

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"go.yaml.in/yaml/v3"
	"golang.org/x/oauth2"

	"gridwall/dashboard/access"
)

var (
	// ErrAway says that the provider could not be asked.
	ErrAway = errors.New("oidc: the provider does not answer")
	// ErrRefused says that the provider, or a check of what it said, let nobody in.
	ErrRefused = errors.New("oidc: not signed in at the provider")
	// ErrNoRole says that no rule gives who signed in a role.
	ErrNoRole = errors.New("oidc: no rule gives a role")
)

// CallbackPath is where the provider sends the browser back to, below Config.URL.
const CallbackPath = "/login/oidc/callback"

// within bounds what the provider is asked.
const within = 10 * time.Second

// Config is the site's file.
type Config struct {
	Issuer       string `yaml:"issuer"` // https://id.example, as in the provider's discovery document
	ClientID     string `yaml:"client_id"`
	ClientSecret string `yaml:"client_secret"`
	SecretFile   string `yaml:"client_secret_file"` // instead of client_secret
	// URL is this site's own address, https://gridwall.example: the provider knows it with CallbackPath after it.
	URL string `yaml:"url"`
	// CA is a PEM file of certificates that sign the provider's; empty: the system's.
	CA string `yaml:"ca"`
	// Name is what stands on the button.
	Name struct {
		ZH string `yaml:"zh" json:"zh"`
		EN string `yaml:"en" json:"en"`
	} `yaml:"name"`
	// Scopes are asked for beside openid; none: profile.
	Scopes []string `yaml:"scopes"`
	// Username is the claim that new accounts are named after; empty: preferred_username.
	Username string `yaml:"username"`
	// Roles are tried in turn; the first whose claim holds its value gives the role. None fits: nobody comes in.
	Roles []Rule `yaml:"roles"`
}

// Rule gives a role to those whose claim is, or as a list has, a value.
type Rule struct {
	Claim      string      `yaml:"claim"`
	Value      string      `yaml:"value"`
	Role       access.Role `yaml:"role"`
	Grid       string      `yaml:"grid"`       // the jurisdiction; empty: the whole town
	Department string      `yaml:"department"` // of the role department
}

// Provider is the site's. New is the only way to one.
type Provider struct {
	Config

	client *http.Client
	mu     sync.Mutex
	found  *oidc.Provider // nil: not asked yet
}

// Pending is a sign-in that is on its way; the browser keeps it.
type Pending struct {
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"`
	Next     string    `json:"next"`
	Until    time.Time `json:"until"`
}

// Read reads a site's file; the provider itself is asked when somebody first signs in there.
func Read(name string) (*Provider, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("OpenID provider: %w", err)
	}
	var c Config
	d := yaml.NewDecoder(strings.NewReader(string(text)))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil {
		return nil, fmt.Errorf("OpenID provider: %s: %w", name, err)
	}
	p, err := New(c)
	if err != nil {
		return nil, fmt.Errorf("OpenID provider: %s: %w", name, err)
	}
	return p, nil
}

// New checks what a site says of its provider.
func New(c Config) (*Provider, error) {
	if c.Issuer == "" || c.ClientID == "" || c.URL == "" || c.Name.ZH == "" || c.Name.EN == "" {
		return nil, errors.New("issuer, client_id, url and name (zh and en) are needed")
	}
	if c.SecretFile != "" {
		text, err := os.ReadFile(c.SecretFile)
		if err != nil {
			return nil, fmt.Errorf("client_secret_file: %w", err)
		}
		c.ClientSecret = strings.TrimSpace(string(text))
	}
	if len(c.Roles) == 0 {
		return nil, errors.New("roles are needed: without a rule nobody comes in")
	}
	for i, r := range c.Roles {
		switch {
		case r.Claim == "" || r.Value == "":
			return nil, fmt.Errorf("rule %d needs a claim and a value", i+1)
		case !slices.Contains(access.Roles, r.Role):
			return nil, fmt.Errorf("rule %d: role %q is none of %v", i+1, r.Role, access.Roles)
		case (r.Role == access.Department) != (r.Department != ""):
			return nil, fmt.Errorf("rule %d: a department stands with the role department, and with no other", i+1)
		}
	}
	if len(c.Scopes) == 0 {
		c.Scopes = []string{"profile"}
	}
	if c.Username == "" {
		c.Username = "preferred_username"
	}
	c.URL = strings.TrimSuffix(c.URL, "/")
	p := &Provider{Config: c, client: &http.Client{Timeout: within}}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca: %s holds no certificate", c.CA)
		}
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
		p.client.Transport = t
	}
	return p, nil
}

// provider asks the provider what it is, the first time. ErrAway.
func (p *Provider) provider(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, within, errors.New("OpenID discovery"))
	defer cancel()
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.Issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAway, err)
	}
	p.found = found
	return found, nil
}

func (p *Provider) oauth(found *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{ClientID: p.ClientID, ClientSecret: p.ClientSecret, Endpoint: found.Endpoint(), RedirectURL: p.URL + CallbackPath, Scopes: append([]string{oidc.ScopeOpenID}, p.Scopes...)}
}

// pendingFor is how long somebody may take at the provider.
const pendingFor = 10 * time.Minute

// Begin gives the address at the provider, and what the browser is to bring back. next is the page that is wanted afterwards.
func (p *Provider) Begin(ctx context.Context, next string) (address string, pending Pending, err error) {
	found, err := p.provider(ctx)
	if err != nil {
		return "", Pending{}, err
	}
	pending = Pending{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Next: next, Until: time.Now().Add(pendingFor)}
	return p.oauth(found).AuthCodeURL(pending.State, oidc.Nonce(pending.Nonce), oauth2.S256ChallengeOption(pending.Verifier)), pending, nil
}

// Finish says who came back with a state and a code. ErrRefused, ErrAway or ErrNoRole, with what was wrong for the log.
func (p *Provider) Finish(ctx context.Context, pending Pending, state, code string) (access.Person, error) {
	if pending.State == "" || subtle.ConstantTimeCompare([]byte(state), []byte(pending.State)) != 1 {
		return access.Person{}, fmt.Errorf("%w: the state is another one", ErrRefused)
	}
	if time.Now().After(pending.Until) {
		return access.Person{}, fmt.Errorf("%w: it took too long", ErrRefused)
	}
	found, err := p.provider(ctx)
	if err != nil {
		return access.Person{}, err
	}
	ctx, cancel := context.WithTimeoutCause(oidc.ClientContext(ctx, p.client), 2*within, errors.New("OpenID sign-in"))
	defer cancel()
	token, err := p.oauth(found).Exchange(ctx, code, oauth2.VerifierOption(pending.Verifier))
	if err != nil {
		var told *oauth2.RetrieveError
		if errors.As(err, &told) {
			return access.Person{}, fmt.Errorf("%w: exchange: %s %s", ErrRefused, told.ErrorCode, told.ErrorDescription)
		}
		return access.Person{}, fmt.Errorf("%w: exchange: %w", ErrAway, err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := found.VerifierContext(ctx, &oidc.Config{ClientID: p.ClientID}).Verify(ctx, raw)
	if err != nil {
		return access.Person{}, fmt.Errorf("%w: ID token: %w", ErrRefused, err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(pending.Nonce)) != 1 {
		return access.Person{}, fmt.Errorf("%w: the nonce is another one", ErrRefused)
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return access.Person{}, fmt.Errorf("%w: claims: %w", ErrRefused, err)
	}
	if found.UserInfoEndpoint() != "" {
		info, err := found.UserInfo(ctx, oauth2.StaticTokenSource(token))
		if err != nil {
			return access.Person{}, fmt.Errorf("%w: userinfo: %w", ErrAway, err)
		}
		if info.Subject != id.Subject {
			return access.Person{}, fmt.Errorf("%w: userinfo is of somebody else", ErrRefused)
		}
		more := map[string]any{}
		if err := info.Claims(&more); err != nil {
			return access.Person{}, fmt.Errorf("%w: userinfo: %w", ErrRefused, err)
		}
		for name, value := range more {
			if _, signed := claims[name]; !signed { // what the token says, it signed
				claims[name] = value
			}
		}
	}
	return p.person(id.Issuer, id.Subject, claims)
}

// person applies the rules.
func (p *Provider) person(issuer, subject string, claims map[string]any) (access.Person, error) {
	text := func(claim string) string {
		v, _ := claims[claim].(string)
		return strings.TrimSpace(v)
	}
	for _, r := range p.Roles {
		if holds(claims[r.Claim], r.Value) {
			return access.Person{Issuer: issuer, Subject: subject, Username: text(p.Username), Name: text("name"), Role: r.Role, Grid: r.Grid, Department: r.Department}, nil
		}
	}
	return access.Person{}, fmt.Errorf("%w to %s", ErrNoRole, subject)
}

// holds says whether a claim is the value, or a list that has it.
func holds(claim any, value string) bool {
	switch c := claim.(type) {
	case string:
		return c == value
	case bool:
		return fmt.Sprint(c) == value
	case []any:
		return slices.ContainsFunc(c, func(one any) bool { return one == any(value) })
	}
	return false
}

// Keep writes a sign-in that is on its way for the browser, and Kept reads it; what is none is the zero Pending.
func (p Pending) Keep() (string, error) {
	text, err := json.Marshal(p)
	return string(text), err
}

// Kept is Keep's other end.
func Kept(text string) (p Pending) {
	if json.Unmarshal([]byte(text), &p) != nil {
		return Pending{}
	}
	return p
}
