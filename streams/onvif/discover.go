package onvif

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"gridwall/streams/rtsp"
)

// Multicast is where devices listen for probes (WS-Discovery 1.0, 2.4).
const Multicast = "239.255.255.250:3702"

const (
	nsDiscovery  = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
	nsAddressing = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
	// maxFound bounds what a network may claim to hold.
	maxFound = 1024
	// maxDatagrams bounds what is read at all, strays and repetitions too.
	maxDatagrams = 16 * maxFound
)

// Found is a device that answered a probe.
type Found struct {
	Endpoint string // its lasting name, usually urn:uuid:…
	Address  string // of its device service
	Name     string // of its scopes; may be empty
	Hardware string
}

// Discover probes the network once, at addr (Multicast, or the address of one responder), and gathers answers until ctx
// ends; that is how it ends, without an error. Devices in networks that are not allowed are left out, at most 1,024 are
// told, each once, in the order of their addresses. Only whoever is on the same network answers a multicast.
func Discover(ctx context.Context, addr string, network rtsp.Net) ([]Found, error) {
	to, err := net.ResolveUDPAddr("udp4", addr)
	if err != nil {
		return nil, fmt.Errorf("discover: %w", err)
	}
	if !to.IP.IsMulticast() {
		if err := network.Control(ctx, "udp4", to.String(), nil); err != nil {
			return nil, fmt.Errorf("discover: %w", err)
		}
	}
	conn, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return nil, fmt.Errorf("discover: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })()
	id := "urn:uuid:" + randomHex()
	if _, err := conn.WriteToUDP([]byte(probe(id)), to); err != nil {
		return nil, fmt.Errorf("discover: %w", err)
	}
	seen := map[string]bool{}
	var found []Found
	datagram := make([]byte, 64<<10)
	for range maxDatagrams {
		n, _, err := conn.ReadFromUDPAddrPort(datagram)
		if errors.Is(err, os.ErrDeadlineExceeded) || len(found) >= maxFound {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("discover: %w", err)
		}
		for _, f := range readMatches(datagram[:n], id) {
			if key := f.Endpoint + " " + f.Address; !seen[key] && reachable(f.Address, network) && len(found) < maxFound {
				seen[key] = true
				found = append(found, f)
			}
		}
	}
	slices.SortFunc(found, func(a, b Found) int {
		return cmp.Or(cmp.Compare(a.Address, b.Address), cmp.Compare(a.Endpoint, b.Endpoint))
	})
	return found, nil
}

func probe(id string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="` + nsSOAP + `" xmlns:a="` + nsAddressing + `" xmlns:d="` + nsDiscovery +
		`"><s:Header><a:Action>` + nsDiscovery + `/Probe</a:Action><a:MessageID>` + id + `</a:MessageID><a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></s:Header>` +
		`<s:Body><d:Probe><d:Types xmlns:dn="http://www.onvif.org/ver10/network/wsdl">dn:NetworkVideoTransmitter</d:Types></d:Probe></s:Body></s:Envelope>`
}

// readMatches reads one datagram; strays, answers to others and rubbish are nothing.
func readMatches(datagram []byte, id string) []Found {
	var e struct {
		XMLName   xml.Name `xml:"http://www.w3.org/2003/05/soap-envelope Envelope"`
		RelatesTo string   `xml:"Header>RelatesTo"`
		Matches   []struct {
			Endpoint string `xml:"EndpointReference>Address"`
			Scopes   string `xml:"http://schemas.xmlsoap.org/ws/2005/04/discovery Scopes"`
			XAddrs   string `xml:"http://schemas.xmlsoap.org/ws/2005/04/discovery XAddrs"`
		} `xml:"Body>ProbeMatches>ProbeMatch"`
	}
	if xml.Unmarshal(datagram, &e) != nil || strings.TrimSpace(e.RelatesTo) != id {
		return nil
	}
	var found []Found
	for _, m := range e.Matches {
		f := Found{Endpoint: clip(m.Endpoint)}
		for scope := range strings.FieldsSeq(m.Scopes) {
			if name, ok := strings.CutPrefix(scope, "onvif://www.onvif.org/name/"); ok {
				f.Name = unescaped(name)
			}
			if hardware, ok := strings.CutPrefix(scope, "onvif://www.onvif.org/hardware/"); ok {
				f.Hardware = unescaped(hardware)
			}
		}
		for address := range strings.FieldsSeq(m.XAddrs) {
			u, err := url.Parse(address)
			if err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") && len(address) <= 512 && len(found) < 16 {
				u.User = nil
				f.Address = u.String()
				found = append(found, f)
			}
		}
	}
	return found
}

func unescaped(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		s = plain
	}
	return clip(s)
}

// reachable leaves out literal addresses in forbidden networks; names are asked about when they are dialled.
func reachable(address string, network rtsp.Net) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err != nil || network.Allowed == nil || network.Allowed(ip.Unmap())
}
