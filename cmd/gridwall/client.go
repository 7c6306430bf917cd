package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// client speaks to a server as one account or program.
type client struct {
	url    string
	header http.Header
	http   *http.Client
}

func newClient(url string) *client {
	return &client{url, http.Header{"Accept-Language": {"zh"}}, &http.Client{Timeout: 30 * time.Second}}
}

// withToken speaks as a program.
func withToken(url, token string) *client {
	c := newClient(url)
	c.header.Set("Authorization", "Bearer "+token)
	return c
}

// signIn speaks as a person.
func signIn(ctx context.Context, url, username, password string) (*client, error) {
	c := newClient(url)
	answer, err := c.send(ctx, "POST", "/api/v1/session", map[string]string{"username": username, "password": password})
	if err != nil {
		return nil, fmt.Errorf("sign in as %s: %w", username, err)
	}
	answer.Body.Close()
	for _, cookie := range answer.Cookies() {
		c.header.Add("Cookie", cookie.Name+"="+cookie.Value)
	}
	return c, nil
}

// answerError is a problem+json answer.
type answerError struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func (e *answerError) Error() string { return fmt.Sprintf("%d %s: %s", e.Status, e.Code, e.Detail) }

// do sends body as JSON, bytes as they are, and decodes the answer into into; either may be nil. Anything but 2xx is an *answerError.
func (c *client) do(ctx context.Context, method, path string, body, into any) error {
	answer, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if into == nil {
		_, err = io.Copy(io.Discard, answer.Body)
		return err
	}
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

func (c *client) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var text io.Reader
	if body != nil {
		encoded, file := body.([]byte)
		if !file {
			var err error
			if encoded, err = json.Marshal(body); err != nil {
				return nil, err
			}
		}
		text = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, text)
	if err != nil {
		return nil, err
	}
	req.Header = c.header.Clone()
	req.Header.Set("Content-Type", "application/json")
	answer, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode >= 300 {
		defer answer.Body.Close()
		fault := &answerError{Status: answer.StatusCode}
		if err := json.NewDecoder(answer.Body).Decode(fault); err != nil {
			fault.Detail = answer.Status
		}
		return nil, fmt.Errorf("%s %s: %w", method, path, fault)
	}
	return answer, nil
}
