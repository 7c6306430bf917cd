package onvif

import (
	"encoding/xml"
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// FuzzAnswer: whatever a device says is an answer, a fault or an error in words of bounded length.
func FuzzAnswer(f *testing.F) {
	const head = `<?xml version="1.0"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:tt="http://www.onvif.org/ver10/schema"><s:Header><x/></s:Header><s:Body>`
	const tail = `</s:Body></s:Envelope>`
	for _, body := range []string{
		`<GetPresetsResponse xmlns="http://www.onvif.org/ver20/ptz/wsdl"><Preset token="1"><tt:Name>门</tt:Name><tt:PTZPosition><tt:PanTilt x="0.5" y="-1"/><tt:Zoom x="NaN"/></tt:PTZPosition></Preset></GetPresetsResponse>`,
		`<GetPresetsResponse xmlns="http://www.onvif.org/ver20/ptz/wsdl"/>`,
		`<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:InvalidArgVal</s:Value><s:Subcode><s:Value>ter:NoProfile</s:Value></s:Subcode></s:Subcode></s:Code><s:Reason><s:Text>no such profile</s:Text></s:Reason></s:Fault>`,
		`<GetPresetsResponse xmlns="urn:other"/>`,
	} {
		f.Add([]byte(head + body + tail))
		f.Add([]byte(head + body))
	}
	f.Add([]byte(`Digest realm="a", nonce="b", qop="auth,auth-int", algorithm=SHA-256, opaque=c`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var a struct {
			Presets []struct {
				Token string    `xml:"token,attr"`
				At    *position `xml:"http://www.onvif.org/ver10/schema PTZPosition"`
			} `xml:"http://www.onvif.org/ver20/ptz/wsdl Preset"`
		}
		err := readAnswer(text, xml.Name{Space: nsPTZ, Local: "GetPresetsResponse"}, &a)
		var fault *FaultError
		if err != nil && !errors.Is(err, ErrAnswer) && !errors.As(err, &fault) {
			t.Errorf("neither an answer nor a fault: %v", err)
		}
		if err != nil && len(err.Error()) > 3*maxReason+100 {
			t.Errorf("%d bytes of error", len(err.Error()))
		}
		for _, p := range a.Presets {
			if v := p.At.vector(); v != nil && !(v.Pan >= -1 && v.Pan <= 1 && v.Tilt >= -1 && v.Tilt <= 1 && v.Zoom >= 0 && v.Zoom <= 1) {
				t.Errorf("looks at %+v", *v)
			}
		}
		for _, found := range readMatches(text, "urn:uuid:1") {
			if len(found.Address) > 512 || len(found.Name) > maxReason {
				t.Errorf("%+v", found)
			}
		}
		if c := readChallenge(string(text)); c != nil && c.nonce == "" {
			t.Error("a challenge without a nonce")
		}
	})
}

// The example of RFC 7616, 3.9.1.
func TestDigestsAreThoseOfTheSpecification(t *testing.T) {
	const header = `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`
	for algorithm, want := range map[string]string{"MD5": "8ca523f5e9506fed4657c9700eebdbec", "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"} {
		c := readChallenge(strings.Replace(header, "MD5", algorithm, 1))
		if c == nil {
			t.Fatal("not read")
		}
		got := c.answer("Mufasa", "Circle of Life", "GET", "/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", 1)
		if !strings.Contains(got, `response="`+want+`"`) {
			t.Errorf("%s: %s", algorithm, got)
		}
	}
}
