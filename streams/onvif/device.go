package onvif

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// clockStep is by how much a device's clock must have moved for a refused token to be dated anew.
const clockStep = 2 * time.Second

// maxOffset is the largest clock error that is believed: beyond it the device's answer is nonsense.
const maxOffset = 100 * 365 * 24 * time.Hour

// Information is what a device says it is.
type Information struct {
	Manufacturer string `xml:"http://www.onvif.org/ver10/device/wsdl Manufacturer"`
	Model        string `xml:"http://www.onvif.org/ver10/device/wsdl Model"`
	Firmware     string `xml:"http://www.onvif.org/ver10/device/wsdl FirmwareVersion"`
	Serial       string `xml:"http://www.onvif.org/ver10/device/wsdl SerialNumber"`
	Hardware     string `xml:"http://www.onvif.org/ver10/device/wsdl HardwareId"`
}

// Information asks the device what it is.
func (c *Client) Information(ctx context.Context) (Information, error) {
	var i Information
	err := c.call(ctx, nsDevice, `<GetDeviceInformation xmlns="`+nsDevice+`"/>`, "GetDeviceInformationResponse", &i)
	for _, s := range []*string{&i.Manufacturer, &i.Model, &i.Firmware, &i.Serial, &i.Hardware} {
		*s = clip(*s)
	}
	return i, err
}

// ClockOffset is by how much the device's clock is ahead of ours; asked once, it is what tokens are dated by.
func (c *Client) ClockOffset(ctx context.Context) (time.Duration, error) {
	if err := c.redate(ctx); err != nil {
		return 0, err
	}
	return c.clockOffset(), nil
}

func (c *Client) clockOffset() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset
}

// date asks for the device's clock once; a device that does not tell is taken to have ours.
func (c *Client) date(ctx context.Context) error {
	c.mu.Lock()
	dated := c.dated
	c.mu.Unlock()
	if dated {
		return nil
	}
	var fault *FaultError
	if err := c.redate(ctx); err != nil && !errors.As(err, &fault) && !errors.Is(err, ErrUnauthorized) && !errors.Is(err, ErrAnswer) {
		return err // not reached at all
	}
	c.mu.Lock()
	c.dated = true
	c.mu.Unlock()
	return nil
}

type dateTime struct {
	Hour   int `xml:"Time>Hour"`
	Minute int `xml:"Time>Minute"`
	Second int `xml:"Time>Second"`
	Year   int `xml:"Date>Year"`
	Month  int `xml:"Date>Month"`
	Day    int `xml:"Date>Day"`
}

// redate needs no credentials (ONVIF Core 5.12.4: access class PRE_AUTH).
func (c *Client) redate(ctx context.Context) error {
	var a struct {
		UTC *dateTime `xml:"SystemDateAndTime>UTCDateTime"`
	}
	asked := c.now()
	if err := c.ask(ctx, c.device.Path, nsDevice, `<GetSystemDateAndTime xmlns="`+nsDevice+`"/>`, "GetSystemDateAndTimeResponse", &a, false); err != nil {
		return err
	}
	answered := c.now()
	if a.UTC == nil {
		return fmt.Errorf("GetSystemDateAndTime: %w: no UTC time", ErrAnswer)
	}
	at := time.Date(a.UTC.Year, time.Month(a.UTC.Month), a.UTC.Day, a.UTC.Hour, a.UTC.Minute, a.UTC.Second, 0, time.UTC)
	offset := at.Sub(asked.Add(answered.Sub(asked) / 2))
	if a.UTC.Year < 1970 || a.UTC.Year > 2200 || offset.Abs() > maxOffset {
		return fmt.Errorf("GetSystemDateAndTime: %w: the year is %d", ErrAnswer, a.UTC.Year)
	}
	c.mu.Lock()
	c.offset, c.dated = offset, true
	c.mu.Unlock()
	return nil
}

// service is the path of a service; of what the device says only the path counts, so that a camera behind a translated
// address works, and one that names another host does not get our credentials sent there.
func (c *Client) service(ctx context.Context, namespace string) (string, error) {
	if namespace == nsDevice {
		return c.device.Path, nil
	}
	c.mu.Lock()
	known := c.services
	c.mu.Unlock()
	if known == nil {
		var err error
		if known, err = c.capabilities(ctx); err != nil {
			return "", err
		}
		c.mu.Lock()
		c.services = known
		c.mu.Unlock()
	}
	path, ok := known[namespace]
	if !ok {
		return "", ErrNoService
	}
	return path, nil
}

// capabilities asks GetCapabilities, which old devices have too.
func (c *Client) capabilities(ctx context.Context) (map[string]string, error) {
	var a struct {
		Media string `xml:"Capabilities>Media>XAddr"`
		PTZ   string `xml:"Capabilities>PTZ>XAddr"`
	}
	request := `<GetCapabilities xmlns="` + nsDevice + `"><Category>All</Category></GetCapabilities>`
	if err := c.ask(ctx, c.device.Path, nsDevice, request, "GetCapabilitiesResponse", &a, true); err != nil {
		return nil, err
	}
	services := map[string]string{}
	for namespace, address := range map[string]string{nsMedia: a.Media, nsPTZ: a.PTZ} {
		u, err := url.Parse(strings.TrimSpace(address))
		if address != "" && err == nil && strings.HasPrefix(u.Path, "/") {
			services[namespace] = u.Path
		}
	}
	return services, nil
}
