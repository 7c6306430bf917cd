package onvif

import (
	"context"
	"fmt"
	"net/url"
	"strings"
)

// maxProfiles is how many profiles of a device are looked at.
const maxProfiles = 64

// Profile is a way in which a device shows a picture.
type Profile struct {
	Token    string
	Name     string
	Encoding string // H264, H265, JPEG, …; empty: no video
	Width    int    // pixels
	Height   int
	PTZ      bool // the head turns by this profile
}

// Profiles asks for the device's profiles in its own order, which has the main picture first.
func (c *Client) Profiles(ctx context.Context) ([]Profile, error) {
	var a struct {
		Profiles []struct {
			Token   string `xml:"token,attr"`
			Name    string `xml:"http://www.onvif.org/ver10/schema Name"`
			Encoder struct {
				Encoding string `xml:"http://www.onvif.org/ver10/schema Encoding"`
				Width    int    `xml:"Resolution>Width"`
				Height   int    `xml:"Resolution>Height"`
			} `xml:"http://www.onvif.org/ver10/schema VideoEncoderConfiguration"`
			PTZ *struct {
				Token string `xml:"token,attr"`
			} `xml:"http://www.onvif.org/ver10/schema PTZConfiguration"`
		} `xml:"http://www.onvif.org/ver10/media/wsdl Profiles"`
	}
	if err := c.call(ctx, nsMedia, `<GetProfiles xmlns="`+nsMedia+`"/>`, "GetProfilesResponse", &a); err != nil {
		return nil, err
	}
	var profiles []Profile
	for _, p := range a.Profiles[:min(len(a.Profiles), maxProfiles)] {
		if p.Token == "" || len(p.Token) > 256 {
			continue
		}
		profiles = append(profiles, Profile{Token: p.Token, Name: clip(p.Name), Encoding: clip(p.Encoder.Encoding), Width: p.Encoder.Width, Height: p.Encoder.Height, PTZ: p.PTZ != nil})
	}
	return profiles, nil
}

type mediaURI struct {
	URI string `xml:"MediaUri>Uri"`
}

// StreamURI is where a profile plays over RTSP, without credentials. Its host is the device's to say; whoever plays it
// dials through the same rtsp.Net. What is no rtsp address is ErrAnswer.
func (c *Client) StreamURI(ctx context.Context, profile string) (string, error) {
	request := `<GetStreamUri xmlns="` + nsMedia + `"><StreamSetup><tt:Stream>RTP-Unicast</tt:Stream><tt:Transport><tt:Protocol>RTSP</tt:Protocol></tt:Transport></StreamSetup><ProfileToken>` +
		escape(profile) + `</ProfileToken></GetStreamUri>`
	return c.uri(ctx, request, "GetStreamUriResponse", "rtsp", "rtsps")
}

// SnapshotURI is where the device gives a JPEG; Snapshot fetches it.
func (c *Client) SnapshotURI(ctx context.Context, profile string) (string, error) {
	request := `<GetSnapshotUri xmlns="` + nsMedia + `"><ProfileToken>` + escape(profile) + `</ProfileToken></GetSnapshotUri>`
	return c.uri(ctx, request, "GetSnapshotUriResponse", "http", "https")
}

func (c *Client) uri(ctx context.Context, request, want string, schemes ...string) (string, error) {
	var a mediaURI
	if err := c.call(ctx, nsMedia, request, want, &a); err != nil {
		return "", err
	}
	u, err := url.Parse(strings.TrimSpace(a.URI))
	if err == nil && u.Host != "" && len(a.URI) <= 2048 {
		for _, s := range schemes {
			if u.Scheme == s {
				u.User = nil
				return u.String(), nil
			}
		}
	}
	return "", fmt.Errorf("%s: %w: no address of %s", strings.TrimSuffix(want, "Response"), ErrAnswer, schemes[0])
}
