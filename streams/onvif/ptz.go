package onvif

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Vector is a speed or a position of a head in the generic spaces of ONVIF: pan and tilt from -1 to 1, right and up
// positive; zoom from -1 to 1 as a speed and from 0 to 1 as a position.
type Vector struct{ Pan, Tilt, Zoom float64 }

// clamped keeps every part in its range; what is no number is no motion.
func (v Vector) clamped(lowZoom float64) Vector {
	in := func(x, low float64) float64 {
		if math.IsNaN(x) {
			return 0
		}
		return max(low, min(1, x))
	}
	return Vector{in(v.Pan, -1), in(v.Tilt, -1), in(v.Zoom, lowZoom)}
}

func (v Vector) xml(name string) string {
	n := func(x float64) string { return strconv.FormatFloat(x, 'f', 6, 64) }
	return `<` + name + `><tt:PanTilt x="` + n(v.Pan) + `" y="` + n(v.Tilt) + `"/><tt:Zoom x="` + n(v.Zoom) + `"/></` + name + `>`
}

// Move turns the head until Stop, another move, or timeout (whole seconds, at least 1): the head's own dead-man, should
// whoever moves it be gone.
func (c *Client) Move(ctx context.Context, profile string, speed Vector, timeout time.Duration) error {
	seconds := max(1, int(timeout.Round(time.Second)/time.Second))
	return c.ptz(ctx, "ContinuousMove", profile, speed.clamped(-1).xml("Velocity")+fmt.Sprintf(`<Timeout>PT%dS</Timeout>`, seconds))
}

// Stop ends every motion of the head.
func (c *Client) Stop(ctx context.Context, profile string) error {
	return c.ptz(ctx, "Stop", profile, `<PanTilt>true</PanTilt><Zoom>true</Zoom>`)
}

// MoveTo turns the head to a position.
func (c *Client) MoveTo(ctx context.Context, profile string, at Vector) error {
	return c.ptz(ctx, "AbsoluteMove", profile, at.clamped(0).xml("Position"))
}

// MoveBy turns the head by a part of its range.
func (c *Client) MoveBy(ctx context.Context, profile string, by Vector) error {
	return c.ptz(ctx, "RelativeMove", profile, by.clamped(-1).xml("Translation"))
}

// GoTo turns the head to a preset.
func (c *Client) GoTo(ctx context.Context, profile, preset string) error {
	return c.ptz(ctx, "GotoPreset", profile, `<PresetToken>`+escape(preset)+`</PresetToken>`)
}

func (c *Client) ptz(ctx context.Context, name, profile, rest string) error {
	var done struct{}
	return c.call(ctx, nsPTZ, `<`+name+` xmlns="`+nsPTZ+`"><ProfileToken>`+escape(profile)+`</ProfileToken>`+rest+`</`+name+`>`, name+"Response", &done)
}

type position struct {
	PanTilt *struct {
		X float64 `xml:"x,attr"`
		Y float64 `xml:"y,attr"`
	} `xml:"http://www.onvif.org/ver10/schema PanTilt"`
	Zoom *struct {
		X float64 `xml:"x,attr"`
	} `xml:"http://www.onvif.org/ver10/schema Zoom"`
}

// vector is nil where the device does not say, or says what cannot be.
func (p *position) vector() *Vector {
	if p == nil || p.PanTilt == nil {
		return nil
	}
	v := Vector{Pan: p.PanTilt.X, Tilt: p.PanTilt.Y}
	if p.Zoom != nil {
		v.Zoom = p.Zoom.X
	}
	const slack = 1.001 // rounding
	for _, x := range []float64{v.Pan, v.Tilt, v.Zoom} {
		if !(math.Abs(x) <= slack) {
			return nil
		}
	}
	v = v.clamped(0)
	return &v
}

// Position is where the head looks now; ErrNoPosition from a device that does not say.
func (c *Client) Position(ctx context.Context, profile string) (Vector, error) {
	var a struct {
		Position *position `xml:"PTZStatus>Position"`
	}
	if err := c.call(ctx, nsPTZ, `<GetStatus xmlns="`+nsPTZ+`"><ProfileToken>`+escape(profile)+`</ProfileToken></GetStatus>`, "GetStatusResponse", &a); err != nil {
		return Vector{}, err
	}
	v := a.Position.vector()
	if v == nil {
		return Vector{}, ErrNoPosition
	}
	return *v, nil
}

// Preset 预置位 is a position that the device remembers.
type Preset struct {
	Token string
	Name  string
	At    *Vector // nil: the device does not say where it is
}

// maxPresets is how many presets of a device are looked at; most have 255 or 300 at most.
const maxPresets = 512

// Presets lists them in the device's order.
func (c *Client) Presets(ctx context.Context, profile string) ([]Preset, error) {
	var a struct {
		Presets []struct {
			Token string    `xml:"token,attr"`
			Name  string    `xml:"http://www.onvif.org/ver10/schema Name"`
			At    *position `xml:"http://www.onvif.org/ver10/schema PTZPosition"`
		} `xml:"http://www.onvif.org/ver20/ptz/wsdl Preset"`
	}
	if err := c.call(ctx, nsPTZ, `<GetPresets xmlns="`+nsPTZ+`"><ProfileToken>`+escape(profile)+`</ProfileToken></GetPresets>`, "GetPresetsResponse", &a); err != nil {
		return nil, err
	}
	var presets []Preset
	for _, p := range a.Presets[:min(len(a.Presets), maxPresets)] {
		if p.Token != "" && len(p.Token) <= 256 {
			presets = append(presets, Preset{p.Token, clip(p.Name), p.At.vector()})
		}
	}
	return presets, nil
}

// SetPreset remembers where the head looks now under a name; an empty token makes a new preset. It returns the token.
func (c *Client) SetPreset(ctx context.Context, profile, name, token string) (string, error) {
	rest := `<PresetName>` + escape(name) + `</PresetName>`
	if token != "" {
		rest += `<PresetToken>` + escape(token) + `</PresetToken>`
	}
	var a struct {
		Token string `xml:"http://www.onvif.org/ver20/ptz/wsdl PresetToken"`
	}
	if err := c.call(ctx, nsPTZ, `<SetPreset xmlns="`+nsPTZ+`"><ProfileToken>`+escape(profile)+`</ProfileToken>`+rest+`</SetPreset>`, "SetPresetResponse", &a); err != nil {
		return "", err
	}
	if a.Token == "" || len(a.Token) > 256 {
		return "", fmt.Errorf("SetPreset: %w: no token", ErrAnswer)
	}
	return a.Token, nil
}
