package cameras

import "net/url"

// Way is how to speak to a camera beside its video. It stays on the server.
type Way struct {
	URL            string // of its video
	User, Password string
}

// Way is the camera's own, with the credentials of its video.
func (c *Camera) Way() Way {
	w := Way{URL: string(c.stream.url)}
	if u, err := url.Parse(w.URL); err == nil && u.User != nil {
		w.User = u.User.Username()
		w.Password, _ = u.User.Password()
	}
	return w
}
