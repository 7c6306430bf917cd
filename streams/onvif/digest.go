package onvif

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
	"time"
)

// challenge is what a device asks for in WWW-Authenticate: Digest (RFC 7616), qop auth or none.
type challenge struct {
	realm, nonce, opaque string
	sha256, qop          bool
	count                int
}

// challenged remembers a challenge that can be answered; a new nonce replaces the old one. It says whether to ask again.
func (c *Client) challenged(headers []string) bool {
	if c.user == "" {
		return false
	}
	for _, h := range headers {
		found := readChallenge(h)
		if found == nil {
			continue
		}
		c.mu.Lock()
		c.digest = found
		c.mu.Unlock()
		return true
	}
	return false
}

// readChallenge is nil for what is no Digest that this client speaks.
func readChallenge(header string) *challenge {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
	if !strings.EqualFold(scheme, "Digest") {
		return nil
	}
	values := map[string]string{}
	for rest = strings.TrimSpace(rest); rest != ""; {
		name, after, ok := strings.Cut(rest, "=")
		if !ok {
			break
		}
		var value string
		after = strings.TrimSpace(after)
		if quoted, isQuoted := strings.CutPrefix(after, `"`); isQuoted {
			value, after, _ = strings.Cut(quoted, `"`)
			_, after, _ = strings.Cut(after, ",")
		} else {
			value, after, _ = strings.Cut(after, ",")
		}
		values[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
		rest = strings.TrimSpace(after)
	}
	d := &challenge{realm: values["realm"], nonce: values["nonce"], opaque: values["opaque"]}
	switch strings.ToUpper(values["algorithm"]) {
	case "", "MD5":
	case "SHA-256":
		d.sha256 = true
	default:
		return nil
	}
	if qop, given := values["qop"]; given {
		for q := range strings.SplitSeq(qop, ",") {
			d.qop = d.qop || strings.TrimSpace(q) == "auth"
		}
		if !d.qop {
			return nil
		}
	}
	if d.nonce == "" || strings.ContainsAny(d.realm+d.nonce+d.opaque, "\"\r\n") {
		return nil
	}
	return d
}

// authorize is the Authorization of a request; empty while the device has not asked.
func (c *Client) authorize(method, uri string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.digest == nil {
		return ""
	}
	c.digest.count++
	return c.digest.answer(c.user, c.password, method, uri, randomHex(), c.digest.count)
}

func (d *challenge) answer(user, password, method, uri, cnonce string, count int) string {
	var make func() hash.Hash = md5.New
	algorithm := "MD5"
	if d.sha256 {
		make, algorithm = sha256.New, "SHA-256"
	}
	sum := func(parts ...string) string {
		h := make()
		h.Write([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(h.Sum(nil))
	}
	ha1, ha2 := sum(user, d.realm, password), sum(method, uri)
	b := fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s", algorithm=%s`, strings.ReplaceAll(user, `"`, `\"`), d.realm, d.nonce, uri, algorithm)
	if d.opaque != "" {
		b += fmt.Sprintf(`, opaque="%s"`, d.opaque)
	}
	if !d.qop {
		return b + fmt.Sprintf(`, response="%s"`, sum(ha1, d.nonce, ha2))
	}
	nc := fmt.Sprintf("%08x", count)
	return b + fmt.Sprintf(`, qop=auth, nc=%s, cnonce="%s", response="%s"`, nc, cnonce, sum(ha1, d.nonce, nc, cnonce, "auth", ha2))
}

func randomHex() string {
	var b [12]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// token is the WS-Security header of a request (UsernameToken Profile 1.0, PasswordDigest), dated by the device's clock.
func (c *Client) token() string {
	if c.user == "" {
		return ""
	}
	c.mu.Lock()
	at := c.now().Add(c.offset)
	c.mu.Unlock()
	var nonce [16]byte
	rand.Read(nonce[:])
	return usernameToken(c.user, c.password, nonce[:], at)
}

func usernameToken(user, password string, nonce []byte, at time.Time) string {
	const utility = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	const security = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	const digest = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
	const base64Binary = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
	created := at.UTC().Format("2006-01-02T15:04:05.000Z")
	h := sha1.New()
	h.Write(nonce)
	h.Write([]byte(created + password))
	return `<wsse:Security s:mustUnderstand="1" xmlns:wsse="` + security + `" xmlns:wsu="` + utility + `"><wsse:UsernameToken><wsse:Username>` + escape(user) +
		`</wsse:Username><wsse:Password Type="` + digest + `">` + base64.StdEncoding.EncodeToString(h.Sum(nil)) +
		`</wsse:Password><wsse:Nonce EncodingType="` + base64Binary + `">` + base64.StdEncoding.EncodeToString(nonce) +
		`</wsse:Nonce><wsu:Created>` + created + `</wsu:Created></wsse:UsernameToken></wsse:Security>`
}
