package cameras

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"

	"gridwall/dashboard/cameras/seal"
	"gridwall/streams/rtsp"
)

// address is where a camera is, with what opens it. However it is printed, that stays inside; string(a) is the camera's.
type address string

// Format writes the address without its credentials, by every verb.
func (a address) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, a.shown()) }

// LogValue is Format for logs.
func (a address) LogValue() slog.Value { return slog.StringValue(a.shown()) }

// MarshalJSON is Format for answers.
func (a address) MarshalJSON() ([]byte, error) { return json.Marshal(a.shown()) }

// shown is the address as people may see it; nothing stays nothing.
func (a address) shown() string {
	open, _ := rtsp.Split(string(a))
	return open
}

// addresses are those of one camera.
type addresses struct{ url, sub address }

// kept is what is sealed: the parts of both addresses that open them.
type kept struct {
	URL string `json:"url,omitempty"`
	Sub string `json:"sub,omitempty"`
}

// shut takes the addresses of a camera apart for its row.
func (a addresses) shut(keys *seal.Keyring, camera string) (url, sub string, sealed []byte, keyID *string) {
	if keys == nil {
		return string(a.url), string(a.sub), nil, nil
	}
	var k kept
	url, k.URL = rtsp.Split(string(a.url))
	sub, k.Sub = rtsp.Split(string(a.sub))
	if k == (kept{}) {
		return url, sub, nil, nil
	}
	text, _ := json.Marshal(k) // two strings
	sealed, keyID = keys.Seal(camera, string(text))
	return url, sub, sealed, keyID
}

// unshut puts the addresses of a row together. The error is of seal.
func unshut(keys *seal.Keyring, camera, url, sub string, sealed []byte, keyID *string) (addresses, error) {
	if sealed == nil || keyID == nil {
		return addresses{address(url), address(sub)}, nil
	}
	text, err := keys.Open(camera, sealed, *keyID)
	if err != nil {
		return addresses{}, fmt.Errorf("camera %s: %w", camera, err)
	}
	var k kept
	if json.Unmarshal([]byte(text), &k) != nil {
		return addresses{}, fmt.Errorf("camera %s: %w", camera, seal.ErrBroken)
	}
	return addresses{address(rtsp.Join(url, k.URL)), address(rtsp.Join(sub, k.Sub))}, nil
}

// open tells whether a row's address still has in it what opens the camera.
func open(url string) bool {
	_, secret := rtsp.Split(url)
	return secret != "" && !strings.HasSuffix(url, "***")
}

// settle is the address that somebody means who writes given, knowing only what is shown of the one that stands.
//
// Unchanged, it is the one that stands. On the same host and port, credentials that are left out are those that stand,
// and on the same path its query too; they never go to another host, or whoever may change an address could have the
// password sent to their own. A user name or password of their own goes into the address.
func settle(given string, stands address, user, password string) address {
	given = strings.TrimSpace(given)
	if given == "" {
		return ""
	}
	if user == "" && password == "" && given == stands.shown() {
		return stands
	}
	u, err := url.Parse(given)
	if err != nil || u.Host == "" {
		return address(given)
	}
	was, err := url.Parse(string(stands))
	same := err == nil && stands != "" && strings.EqualFold(was.Host, u.Host)
	if same && u.User == nil {
		u.User = was.User
		if u.RawQuery == "" && u.Path == was.Path {
			u.RawQuery = was.RawQuery
		}
	}
	if user != "" || password != "" {
		if user == "" && u.User != nil {
			user = u.User.Username()
		}
		if old, ok := u.User.Password(); password == "" && ok && u.User.Username() == user {
			password = old
		}
		u.User = url.UserPassword(user, password)
	}
	return address(u.String())
}
