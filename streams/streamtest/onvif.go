package streamtest

import (
	"crypto/md5"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"math"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ONVIF is the other side of the cameras: what an ONVIF client asks of them. Each camera is a device at
// /onvif/{id}/device_service; those with PTZ have a head.
type ONVIF struct {
	server *Server

	mu      sync.Mutex
	nonces  map[string]bool
	presets map[string][]preset // by camera
	asked   map[string]int      // by operation
}

type preset struct {
	token, name string
	at          Aim
}

// maxSkew is how far a token's date may be from the camera's clock.
const maxSkew = 5 * time.Second

// ONVIF makes the HTTP side; serve it at ONVIFAddr or with httptest.
func (s *Server) ONVIF() *ONVIF {
	return &ONVIF{server: s, nonces: map[string]bool{}, presets: map[string][]preset{}, asked: map[string]int{}}
}

// Head is the head of camera id; nil if it has none.
func (s *Server) Head(id string) *Head {
	if c := s.cameras[id]; c != nil {
		return c.head
	}
	return nil
}

// Asked is how often an operation was asked for.
func (o *ONVIF) Asked(operation string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked[operation]
}

// envelope is what of a request matters here.
type envelope struct {
	Username string    `xml:"Header>Security>UsernameToken>Username"`
	Password string    `xml:"Header>Security>UsernameToken>Password"`
	Nonce    string    `xml:"Header>Security>UsernameToken>Nonce"`
	Created  string    `xml:"Header>Security>UsernameToken>Created"`
	Body     operation `xml:"Body"`
}

type operation struct {
	Ask struct {
		XMLName     xml.Name
		Profile     string  `xml:"ProfileToken"`
		Velocity    *vector `xml:"Velocity"`
		Position    *vector `xml:"Position"`
		Translation *vector `xml:"Translation"`
		Timeout     string  `xml:"Timeout"`
		Preset      string  `xml:"PresetToken"`
		Name        string  `xml:"PresetName"`
	} `xml:",any"`
}

type vector struct {
	PanTilt struct {
		X float64 `xml:"x,attr"`
		Y float64 `xml:"y,attr"`
	} `xml:"PanTilt"`
	Zoom struct {
		X float64 `xml:"x,attr"`
	} `xml:"Zoom"`
}

const (
	wsdlDevice = "http://www.onvif.org/ver10/device/wsdl"
	wsdlMedia  = "http://www.onvif.org/ver10/media/wsdl"
	wsdlPTZ    = "http://www.onvif.org/ver20/ptz/wsdl"
	realm      = "streamtest"
	httpNonce  = "5ccc069c403ebaf9f0171e9517f40e41"
)

func (o *ONVIF) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, service, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/onvif/"), "/")
	c := o.server.cameras[id]
	if !ok || c == nil {
		http.NotFound(w, r)
		return
	}
	if c.dark() {
		panic(http.ErrAbortHandler)
	}
	if service == "snapshot.jpg" {
		if !o.digested(r) {
			o.challenge(w)
			return
		}
		w.Header().Set("Content-Type", "image/jpeg")
		w.Write([]byte("\xff\xd8\xff\xd9"))
		return
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	var e envelope
	if err != nil || xml.Unmarshal(text, &e) != nil {
		o.fault(w, http.StatusBadRequest, "ter:WellFormed", "no envelope")
		return
	}
	name := e.Body.Ask.XMLName.Local
	o.mu.Lock()
	o.asked[name]++
	o.mu.Unlock()
	if name != "GetSystemDateAndTime" && o.server.config.User != "" {
		switch {
		case o.server.config.HTTPDigest && !o.digested(r):
			o.challenge(w)
			return
		case c.refuses(), !o.server.config.HTTPDigest && !o.signed(&e):
			o.fault(w, http.StatusBadRequest, "ter:NotAuthorized", "Sender not authorized")
			return
		}
	}
	answer, fault := o.answer(c, r, &e)
	if fault != "" {
		o.fault(w, http.StatusInternalServerError, "ter:"+fault, fault)
		return
	}
	o.write(w, http.StatusOK, `<n:`+name+`Response xmlns:n="`+html.EscapeString(e.Body.Ask.XMLName.Space)+`">`+answer+`</n:`+name+`Response>`)
}

func (o *ONVIF) write(w http.ResponseWriter, code int, body string) {
	w.Header().Set("Content-Type", "application/soap+xml; charset=utf-8")
	w.WriteHeader(code)
	io.WriteString(w, `<?xml version="1.0" encoding="utf-8"?><env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope" xmlns:tt="http://www.onvif.org/ver10/schema" xmlns:ter="http://www.onvif.org/ver10/error"><env:Body>`+body+`</env:Body></env:Envelope>`)
}

func (o *ONVIF) fault(w http.ResponseWriter, code int, sub, reason string) {
	o.write(w, code, `<env:Fault><env:Code><env:Value>env:Sender</env:Value><env:Subcode><env:Value>`+sub+`</env:Value></env:Subcode></env:Code><env:Reason><env:Text xml:lang="en">`+reason+`</env:Text></env:Reason></env:Fault>`)
}

// clock is the cameras' own, which may be wrong.
func (o *ONVIF) clock() time.Time { return o.server.config.Now().Add(o.server.config.ClockOffset) }

// signed checks the WS-UsernameToken: the digest, its date by the camera's clock, and that it is new.
func (o *ONVIF) signed(e *envelope) bool {
	created, err := time.Parse(time.RFC3339Nano, e.Created)
	nonce, err2 := base64.StdEncoding.DecodeString(e.Nonce)
	if err != nil || err2 != nil || e.Username != o.server.config.User || o.clock().Sub(created).Abs() > maxSkew {
		return false
	}
	sum := sha1.Sum(append(append(nonce, e.Created...), o.server.config.Password...))
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.nonces[e.Nonce] {
		return false
	}
	o.nonces[e.Nonce] = true
	return e.Password == base64.StdEncoding.EncodeToString(sum[:])
}

func (o *ONVIF) challenge(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", `Digest realm="`+realm+`", qop="auth", nonce="`+httpNonce+`", opaque="x"`)
	w.WriteHeader(http.StatusUnauthorized)
}

var digestPart = regexp.MustCompile(`(\w+)="?([^",]*)"?`)

// digested checks HTTP Digest (RFC 7616, MD5, qop auth).
func (o *ONVIF) digested(r *http.Request) bool {
	if o.server.config.User == "" {
		return true
	}
	v := map[string]string{}
	for _, m := range digestPart.FindAllStringSubmatch(strings.TrimPrefix(r.Header.Get("Authorization"), "Digest "), -1) {
		v[m[1]] = m[2]
	}
	sum := func(parts ...string) string {
		s := md5.Sum([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(s[:])
	}
	want := sum(sum(o.server.config.User, realm, o.server.config.Password), httpNonce, v["nc"], v["cnonce"], "auth", sum(r.Method, r.URL.RequestURI()))
	return v["username"] == o.server.config.User && v["nonce"] == httpNonce && v["uri"] == r.URL.RequestURI() && v["response"] == want
}

// answer does what is asked; fault is the code of a refusal.
func (o *ONVIF) answer(c *camera, r *http.Request, e *envelope) (answer, fault string) {
	base := "http://" + r.Host + "/onvif/" + c.ID
	ask := &e.Body.Ask
	switch ask.XMLName {
	case xml.Name{Space: wsdlDevice, Local: "GetSystemDateAndTime"}:
		t := o.clock().UTC()
		return fmt.Sprintf(`<n:SystemDateAndTime><tt:DateTimeType>Manual</tt:DateTimeType><tt:UTCDateTime><tt:Time><tt:Hour>%d</tt:Hour><tt:Minute>%d</tt:Minute><tt:Second>%d</tt:Second></tt:Time><tt:Date><tt:Year>%d</tt:Year><tt:Month>%d</tt:Month><tt:Day>%d</tt:Day></tt:Date></tt:UTCDateTime></n:SystemDateAndTime>`,
			t.Hour(), t.Minute(), t.Second(), t.Year(), t.Month(), t.Day()), ""
	case xml.Name{Space: wsdlDevice, Local: "GetDeviceInformation"}:
		return `<n:Manufacturer>Gridwall</n:Manufacturer><n:Model>streamtest</n:Model><n:FirmwareVersion>1</n:FirmwareVersion><n:SerialNumber>` + html.EscapeString(c.ID) + `</n:SerialNumber><n:HardwareId>none</n:HardwareId>`, ""
	case xml.Name{Space: wsdlDevice, Local: "GetCapabilities"}:
		answer = `<n:Capabilities><tt:Media><tt:XAddr>` + base + `/media_service</tt:XAddr></tt:Media>`
		if c.head != nil {
			answer += `<tt:PTZ><tt:XAddr>` + base + `/ptz_service</tt:XAddr></tt:PTZ>`
		}
		return answer + `</n:Capabilities>`, ""
	case xml.Name{Space: wsdlMedia, Local: "GetProfiles"}:
		head := ""
		if c.head != nil {
			head = `<tt:PTZConfiguration token="ptz"><tt:Name>ptz</tt:Name></tt:PTZConfiguration>`
		}
		return `<n:Profiles token="main" fixed="true"><tt:Name>主码流</tt:Name><tt:VideoEncoderConfiguration token="v"><tt:Encoding>H264</tt:Encoding><tt:Resolution><tt:Width>640</tt:Width><tt:Height>360</tt:Height></tt:Resolution></tt:VideoEncoderConfiguration>` + head + `</n:Profiles>`, ""
	case xml.Name{Space: wsdlMedia, Local: "GetStreamUri"}:
		return o.uri(ask.Profile, "rtsp://"+o.server.Addr().String()+"/"+c.ID)
	case xml.Name{Space: wsdlMedia, Local: "GetSnapshotUri"}:
		return o.uri(ask.Profile, base+"/snapshot.jpg")
	}
	if ask.XMLName.Space != wsdlPTZ || c.head == nil {
		return "", "ActionNotSupported"
	}
	return o.turn(c, e)
}

func (o *ONVIF) uri(profile, uri string) (answer, fault string) {
	if profile != "main" {
		return "", "NoProfile"
	}
	return `<n:MediaUri><tt:Uri>` + uri + `</tt:Uri></n:MediaUri>`, ""
}

// aim is a vector of the generic spaces in degrees; the other way is place.
func (v *vector) aim() Aim {
	tilt := TiltLowDeg + (v.PanTilt.Y+1)/2*(TiltHighDeg-TiltLowDeg)
	return Aim{v.PanTilt.X * PanLimitDeg, tilt, v.Zoom.X}
}

func place(name string, a Aim) string {
	n := func(x float64) string { return strconv.FormatFloat(x, 'f', 5, 64) }
	y := (a.Tilt-TiltLowDeg)/(TiltHighDeg-TiltLowDeg)*2 - 1
	return `<tt:` + name + `><tt:PanTilt x="` + n(a.Pan/PanLimitDeg) + `" y="` + n(y) + `"/><tt:Zoom x="` + n(a.Zoom) + `"/></tt:` + name + `>`
}

func (v *vector) within(lowZoom float64) bool {
	return v != nil && math.Abs(v.PanTilt.X) <= 1 && math.Abs(v.PanTilt.Y) <= 1 && v.Zoom.X >= lowZoom && v.Zoom.X <= 1
}

var seconds = regexp.MustCompile(`^PT([0-9.]+)S$`)

func (o *ONVIF) turn(c *camera, e *envelope) (answer, fault string) {
	ask := &e.Body.Ask
	if ask.Profile != "main" {
		return "", "NoProfile"
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	known := o.presets[c.ID]
	at := slices.IndexFunc(known, func(p preset) bool { return p.token == ask.Preset })
	switch ask.XMLName.Local {
	case "ContinuousMove":
		if !ask.Velocity.within(-1) {
			return "", "InvalidVelocity"
		}
		var timeout time.Duration
		if m := seconds.FindStringSubmatch(ask.Timeout); m != nil {
			s, _ := strconv.ParseFloat(m[1], 64)
			timeout = time.Duration(s * float64(time.Second))
		}
		v := ask.Velocity
		c.head.Move(Aim{v.PanTilt.X, v.PanTilt.Y, v.Zoom.X}, timeout)
	case "Stop":
		c.head.Stop()
	case "AbsoluteMove":
		if !ask.Position.within(0) {
			return "", "InvalidPosition"
		}
		c.head.MoveTo(ask.Position.aim())
	case "RelativeMove":
		if !ask.Translation.within(-1) {
			return "", "InvalidTranslation"
		}
		now, _ := c.head.At()
		v := ask.Translation
		c.head.MoveTo(Aim{now.Pan + v.PanTilt.X*PanLimitDeg, now.Tilt + v.PanTilt.Y*(TiltHighDeg-TiltLowDeg)/2, now.Zoom + v.Zoom.X})
	case "GetStatus":
		now, moves := c.head.At()
		state := "IDLE"
		if moves {
			state = "MOVING"
		}
		return `<n:PTZStatus>` + place("Position", now) + `<tt:MoveStatus><tt:PanTilt>` + state + `</tt:PanTilt></tt:MoveStatus></n:PTZStatus>`, ""
	case "GetPresets":
		for _, p := range known {
			answer += `<n:Preset token="` + p.token + `"><tt:Name>` + html.EscapeString(p.name) + `</tt:Name>` + place("PTZPosition", p.at) + `</n:Preset>`
		}
		return answer, ""
	case "GotoPreset":
		if at < 0 {
			return "", "NoToken"
		}
		c.head.MoveTo(known[at].at)
	case "SetPreset":
		now, _ := c.head.At()
		switch {
		case ask.Preset == "":
			known = append(known, preset{fmt.Sprint(len(known) + 1), ask.Name, now})
			at = len(known) - 1
		case at < 0:
			return "", "NoToken"
		default:
			known[at].at = now
			if ask.Name != "" {
				known[at].name = ask.Name
			}
		}
		o.presets[c.ID] = known
		return `<n:PresetToken>` + known[at].token + `</n:PresetToken>`, ""
	default:
		return "", "ActionNotSupported"
	}
	return "", ""
}

// Announce answers WS-Discovery probes that come to conn for every camera, as devices at address (host:port of ONVIF),
// until conn is closed.
func (o *ONVIF) Announce(conn net.PacketConn, address string) {
	datagram := make([]byte, 64<<10)
	for {
		n, from, err := conn.ReadFrom(datagram)
		if err != nil {
			return
		}
		var probe struct {
			ID    string    `xml:"Header>MessageID"`
			Probe *struct{} `xml:"Body>Probe"`
		}
		if xml.Unmarshal(datagram[:n], &probe) != nil || probe.Probe == nil {
			continue
		}
		for id := range o.server.cameras {
			fmt.Fprintf(&to{conn, from}, `<?xml version="1.0"?><e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><e:Header><w:RelatesTo>%s</w:RelatesTo></e:Header><e:Body><d:ProbeMatches><d:ProbeMatch><w:EndpointReference><w:Address>urn:uuid:%s</w:Address></w:EndpointReference><d:Scopes>onvif://www.onvif.org/name/%s onvif://www.onvif.org/hardware/streamtest</d:Scopes><d:XAddrs>http://%s/onvif/%s/device_service</d:XAddrs></d:ProbeMatch></d:ProbeMatches></e:Body></e:Envelope>`,
				html.EscapeString(probe.ID), id, id, address, id)
		}
	}
}

// to writes datagrams to one peer.
type to struct {
	conn net.PacketConn
	peer net.Addr
}

func (t *to) Write(b []byte) (int, error) { return t.conn.WriteTo(b, t.peer) }
