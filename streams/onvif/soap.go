package onvif

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Namespaces.
const (
	nsSOAP   = "http://www.w3.org/2003/05/soap-envelope"
	nsDevice = "http://www.onvif.org/ver10/device/wsdl"
	nsMedia  = "http://www.onvif.org/ver10/media/wsdl"
	nsPTZ    = "http://www.onvif.org/ver20/ptz/wsdl"
	nsSchema = "http://www.onvif.org/ver10/schema"
)

// call asks one service (by its namespace) and reads the answer into answer, whose XMLName must be the one it expects.
func (c *Client) call(ctx context.Context, service, request string, want string, answer any) error {
	if c.locked() {
		return ErrUnauthorized
	}
	if err := c.date(ctx); err != nil {
		return err
	}
	path, err := c.service(ctx, service)
	if err != nil {
		return err
	}
	err = c.ask(ctx, path, service, request, want, answer, true)
	if errors.Is(err, ErrUnauthorized) && !c.locked() && c.user != "" {
		// The device's clock may have been set since it was asked.
		before := c.clockOffset()
		if c.redate(ctx) == nil && (c.clockOffset()-before).Abs() > clockStep {
			err = c.ask(ctx, path, service, request, want, answer, true)
		}
	}
	return err
}

// ask posts one envelope and reads the answer.
func (c *Client) ask(ctx context.Context, path, service, request, want string, answer any, signed bool) error {
	header := ""
	if signed {
		header = c.token()
	}
	body := `<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="` + nsSOAP + `" xmlns:tt="` + nsSchema + `"><s:Header>` + header + `</s:Header><s:Body>` + request + `</s:Body></s:Envelope>`
	target := c.device
	target.Path = path
	status, text, _, err := c.send(ctx, http.MethodPost, target.String(), `application/soap+xml; charset=utf-8; action="`+service+"/"+strings.TrimSuffix(want, "Response")+`"`, []byte(body), maxAnswer)
	if err == nil {
		err = readAnswer(text, xml.Name{Space: service, Local: want}, answer)
	}
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		err = ErrUnauthorized // whatever the body says
	}
	var fault *FaultError
	if errors.As(err, &fault) && (fault.Code == "NotAuthorized" || fault.Code == "FailedAuthentication") {
		err = ErrUnauthorized
	}
	if err != nil && status >= 400 && errors.Is(err, ErrAnswer) {
		err = fmt.Errorf("%w (HTTP %d)", err, status)
	}
	if signed {
		c.refused(errors.Is(err, ErrUnauthorized))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", strings.TrimSuffix(want, "Response"), err)
	}
	return nil
}

// readAnswer finds the body's element in an envelope and decodes it; a fault comes back as a *FaultError, what is neither
// as ErrAnswer. DTDs and entities of foreign making are not followed.
func readAnswer(text []byte, want xml.Name, into any) error {
	d := xml.NewDecoder(bytes.NewReader(text))
	d.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		if strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "us-ascii") {
			return in, nil
		}
		return nil, fmt.Errorf("charset %.20q", charset)
	}
	depth := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%w: it ends before %s", ErrAnswer, want.Local)
		}
		if err != nil {
			return fmt.Errorf("%w: %.*s", ErrAnswer, maxReason, err.Error())
		}
		switch t := token.(type) {
		case xml.StartElement:
			switch {
			case depth == 0 && t.Name != xml.Name{Space: nsSOAP, Local: "Envelope"}:
				return fmt.Errorf("%w: %.60q is no SOAP 1.2 envelope", ErrAnswer, t.Name.Space+" "+t.Name.Local)
			case depth == 1 && t.Name != xml.Name{Space: nsSOAP, Local: "Body"}:
				if err := d.Skip(); err != nil {
					return fmt.Errorf("%w: %.*s", ErrAnswer, maxReason, err.Error())
				}
				continue
			case depth == 2 && t.Name == xml.Name{Space: nsSOAP, Local: "Fault"}:
				return readFault(d, t)
			case depth == 2 && t.Name != want:
				return fmt.Errorf("%w: %.80q instead of %s", ErrAnswer, t.Name.Space+" "+t.Name.Local, want.Local)
			case depth == 2:
				if err := d.DecodeElement(into, &t); err != nil {
					return fmt.Errorf("%w: %.*s", ErrAnswer, maxReason, err.Error())
				}
				return nil
			}
			depth++
		case xml.EndElement:
			depth--
		}
	}
}

func readFault(d *xml.Decoder, start xml.StartElement) error {
	type subcode struct {
		Value   string `xml:"http://www.w3.org/2003/05/soap-envelope Value"`
		Subcode *struct {
			Value string `xml:"http://www.w3.org/2003/05/soap-envelope Value"`
		} `xml:"http://www.w3.org/2003/05/soap-envelope Subcode"`
	}
	var f struct {
		Code struct {
			Value   string   `xml:"http://www.w3.org/2003/05/soap-envelope Value"`
			Subcode *subcode `xml:"http://www.w3.org/2003/05/soap-envelope Subcode"`
		} `xml:"http://www.w3.org/2003/05/soap-envelope Code"`
		Reason string `xml:"http://www.w3.org/2003/05/soap-envelope Reason>Text"`
	}
	if err := d.DecodeElement(&f, &start); err != nil {
		return fmt.Errorf("%w: %.*s", ErrAnswer, maxReason, err.Error())
	}
	// The outer subcode says whether the credentials were refused; the inner one says more than it.
	codes := []string{f.Code.Value}
	if f.Code.Subcode != nil {
		codes = append(codes, f.Code.Subcode.Value)
		if f.Code.Subcode.Subcode != nil {
			codes = append(codes, f.Code.Subcode.Subcode.Value)
		}
	}
	fault := &FaultError{Reason: clip(f.Reason)}
	for _, code := range codes {
		_, name, prefixed := strings.Cut(strings.TrimSpace(code), ":")
		if !prefixed {
			name = strings.TrimSpace(code)
		}
		fault.Code = clip(name)
		if name == "NotAuthorized" || name == "FailedAuthentication" {
			break
		}
	}
	return fault
}

// clip bounds a device's words and keeps them on one line.
func clip(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "")), " ")
	if len(s) > maxReason {
		s = strings.ToValidUTF8(s[:maxReason], "")
	}
	return s
}

func escape(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s)) // a Builder takes all
	return b.String()
}
