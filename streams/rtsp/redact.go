package rtsp

import (
	"errors"
	"net/url"
	"strings"
)

// Redact returns rawURL without what opens the camera: user and password become ***, and so does the
// query, where some vendors put them (?user=admin&password=…). What cannot be parsed becomes "rtsp://***".
func Redact(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" {
		return "rtsp://***"
	}
	var b strings.Builder
	b.WriteString(u.Scheme + "://")
	if u.User != nil {
		b.WriteString("***@")
	}
	b.WriteString(u.Host + u.EscapedPath())
	if u.RawQuery != "" {
		b.WriteString("?***")
	}
	return b.String()
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
