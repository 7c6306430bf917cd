package rtsp

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
)

// hidden stands where something is left out.
const hidden = "***"

// credentialWord is how vendors name a password where it is not user:password@: in the query or in the path.
var credentialWord = regexp.MustCompile(`(?i)(pass|passwd|password|pwd|psw|token|auth|secret)[^/&=]*=`)

// Split takes what opens the camera out of its address. open can be shown: rtsp://host:port/path. secret is what Join
// puts back, and empty where the address has none: user and password, the query, where some vendors put them
// (?user=admin&password=…), or the whole address where it cannot be told apart.
func Split(rawURL string) (open, secret string) {
	if rawURL == "" {
		return "", ""
	}
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" || u.Fragment != "" || strings.Contains(u.EscapedPath()+u.RawQuery, "@") {
		return "rtsp://" + hidden, rawURL // a # or / in a password cuts the address in the wrong place
	}
	if credentialWord.MatchString(u.Path) {
		return u.Scheme + "://" + u.Host + "/" + hidden, rawURL
	}
	if u.User != nil {
		secret = u.User.String()
		// As it was written, not as it would be written now.
		if _, rest, ok := strings.Cut(rawURL, "://"); ok {
			if at := strings.LastIndex(strings.SplitN(rest, "/", 2)[0], "@"); at >= 0 {
				secret = rest[:at]
			}
		}
	}
	if u.RawQuery != "" {
		secret += "?" + u.RawQuery
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath(), secret
}

// Join is what Split has taken apart.
func Join(open, secret string) string {
	if secret == "" || strings.HasPrefix(secret, "rtsp://") || strings.HasPrefix(secret, "rtsps://") || strings.HasSuffix(open, hidden) {
		if secret != "" {
			return secret
		}
		return open
	}
	user, query, queried := strings.Cut(secret, "?")
	scheme, rest, _ := strings.Cut(open, "://")
	if user != "" {
		rest = user + "@" + rest
	}
	if queried {
		rest += "?" + query
	}
	return scheme + "://" + rest
}

// Redact returns rawURL without what opens the camera: user and password become ***, and so does the
// query, where some vendors put them (?user=admin&password=…). What cannot be parsed becomes "rtsp://***".
func Redact(rawURL string) string {
	open, secret := Split(rawURL)
	if secret == "" && open != "" {
		return open
	}
	if secret == "" || secret == rawURL {
		return "rtsp://" + hidden
	}
	user, _, queried := strings.Cut(secret, "?")
	scheme, rest, _ := strings.Cut(open, "://")
	if user != "" {
		rest = hidden + "@" + rest
	}
	if queried {
		rest += "?" + hidden
	}
	return scheme + "://" + rest
}

// scrub takes the credentials of rawURL out of err's text. Libraries like to quote the URL they could not
// use; errors go to logs and to operators.
func scrub(err error, rawURL string) error {
	if err == nil {
		return nil
	}
	text := strings.ReplaceAll(err.Error(), rawURL, Redact(rawURL))
	if u, perr := url.Parse(rawURL); perr == nil {
		if u.User != nil {
			if password, ok := u.User.Password(); ok && password != "" {
				text = strings.ReplaceAll(text, password, "***")
				text = strings.ReplaceAll(text, url.QueryEscape(password), "***")
				text = strings.ReplaceAll(text, url.PathEscape(password), "***")
			}
			text = strings.ReplaceAll(text, u.User.String()+"@", "***@")
		}
		if u.RawQuery != "" {
			text = strings.ReplaceAll(text, u.RawQuery, "***")
		}
	}
	if text == err.Error() {
		return err
	}
	return &scrubbed{text: text, err: err}
}

type scrubbed struct {
	text string
	err  error
}

func (e *scrubbed) Error() string { return e.text }

// Is and As keep errors.Is and errors.As working; there is no Unwrap, which would give the text back.
func (e *scrubbed) Is(target error) bool { return errors.Is(e.err, target) }
func (e *scrubbed) As(target any) bool   { return errors.As(e.err, target) }
