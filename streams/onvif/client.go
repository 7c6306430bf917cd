// Package onvif speaks to cameras beside their video: what they are, which profiles they have, where those play, and how
// their heads turn (ONVIF Core, Media and PTZ, SOAP 1.2 over HTTP).
//
// A Client is one device and may be used by many at a time. Its first call that needs credentials asks the device for its
// clock, so that the WS-UsernameToken digest is dated by the device's own time; devices that ask for HTTP Digest get that.
// The addresses of services and pictures come from the device and are not trusted: of services only the path counts, and
// nothing is ever sent to another host. Answers are read up to 1 MiB and must be the ones that were asked for.
package onvif

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"gridwall/streams/rtsp"
)

const (
	// maxAnswer bounds an answer; 64 profiles with all that belongs to them are 200 kB.
	maxAnswer = 1 << 20
	// maxPicture bounds a snapshot.
	maxPicture = 16 << 20
	// timeout is how long one request may take, unless its ctx says less.
	timeout = 5 * time.Second
	// maxRefusals of the credentials in a row end the tries: cameras lock accounts.
	maxRefusals = 3
)

// Client is one device. New is the only way to make one.
type Client struct {
	device   url.URL // of the device service, without credentials
	user     string
	password string
	http     *http.Client
	now      func() time.Time

	mu       sync.Mutex
	offset   time.Duration // what the device's clock is ahead of ours
	dated    bool          // offset is known, or the device does not tell
	digest   *challenge    // of HTTP; nil: the device did not ask
	refusals int
	services map[string]string // namespace → path
}

// New is a client of the device service at address, http://host[:port]/onvif/device_service; a user in the address is
// used if user is empty. Nothing is sent yet. It returns ErrBadURL, which does not repeat the address.
func New(address, user, password string, network rtsp.Net) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, ErrBadURL
	}
	if user == "" && u.User != nil {
		user = u.User.Username()
		password, _ = u.User.Password()
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/onvif/device_service"
	}
	c := &Client{device: url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}, user: user, password: password, now: time.Now}
	dialer := net.Dialer{Timeout: timeout, ControlContext: network.Control}
	c.http = &http.Client{
		Timeout:       timeout,
		CheckRedirect: c.follow,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: network.TLS,
			MaxConnsPerHost: 2, MaxIdleConnsPerHost: 1, IdleConnTimeout: 20 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		},
	}
	return c, nil
}

// Close gives the connection back.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// follow lets a device move its pages about, but send nobody elsewhere; the dialer is asked again for each.
func (c *Client) follow(next *http.Request, via []*http.Request) error {
	if !strings.EqualFold(next.URL.Hostname(), c.device.Hostname()) || c.device.Scheme == "https" && next.URL.Scheme != "https" {
		return ErrRedirect
	}
	if len(via) >= 3 {
		return fmt.Errorf("%w: too often", ErrRedirect)
	}
	return nil
}

// send posts a request with HTTP Digest if the device has asked for it before or does now. The answer's body is read.
func (c *Client) send(ctx context.Context, method, target, contentType string, body []byte, limit int64) (status int, answer []byte, header http.Header, err error) {
	for try := 0; ; try++ {
		req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
		if err != nil {
			return 0, nil, nil, ErrBadURL
		}
		if contentType != "" {
			req.Header.Set("Content-Type", contentType)
		}
		if authorization := c.authorize(method, req.URL.RequestURI()); authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
		resp, err := c.http.Do(req)
		if err != nil {
			return 0, nil, nil, plain(err)
		}
		answer, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
		resp.Body.Close()
		switch {
		case err != nil:
			return 0, nil, nil, plain(err)
		case int64(len(answer)) > limit:
			return 0, nil, nil, ErrTooLarge
		case resp.StatusCode == http.StatusUnauthorized && try == 0 && c.challenged(resp.Header.Values("WWW-Authenticate")):
			continue
		}
		return resp.StatusCode, answer, resp.Header, nil
	}
}

// plain takes the address out of an error of net/http.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// refused counts; nil after an answer that was none.
func (c *Client) refused(yes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if yes {
		c.refusals++
	} else {
		c.refusals = 0
	}
}

func (c *Client) locked() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refusals >= maxRefusals
}

// Snapshot fetches the picture at an address that SnapshotURI gave.
func (c *Client) Snapshot(ctx context.Context, uri string) ([]byte, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("snapshot: %w", ErrAnswer)
	}
	if !strings.EqualFold(u.Hostname(), c.device.Hostname()) {
		return nil, fmt.Errorf("snapshot: %w", ErrRedirect)
	}
	if c.locked() {
		return nil, ErrUnauthorized
	}
	u.User = nil
	status, picture, header, err := c.send(ctx, http.MethodGet, u.String(), "", nil, maxPicture)
	switch {
	case err != nil:
		return nil, fmt.Errorf("snapshot: %w", err)
	case status == http.StatusUnauthorized:
		c.refused(true)
		return nil, ErrUnauthorized
	case status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), "image/"):
		return nil, fmt.Errorf("snapshot: %w: %d %.40q", ErrAnswer, status, header.Get("Content-Type"))
	}
	c.refused(false)
	return picture, nil
}
