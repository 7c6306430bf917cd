package main

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gridwall/geo/basemap"
)

// settings are flags, and GRIDWALL_… variables of the same names.
type settings struct {
	addr        string // where HTTP is served; port 0 takes a free one
	tlsCert     string // PEM file of the server's certificate; empty: plain HTTP
	tlsKey      string // and of its key
	webRTCAddr  string // UDP of WebRTC video; empty: the host of addr, a free port
	rtspAddr    string // TCP of RTSP video for other players; off: none; empty: the host of addr, port 8554 if it is free
	cameraNets  string // networks that cameras may be in; empty: all but this machine's own
	cameraKeys  string // file of the keys that seal cameras' credentials; empty: camera.keys in dataDir
	cameraCA    string // file of certificates that sign rtsps cameras; empty: the system's
	dataDir     string // folder of the private cluster and the demo
	database    string // DATABASE_URL; empty: the private cluster
	checkpoints string // file of the signed checkpoints of the log; empty: checkpoints.jsonl in dataDir
	keepMonths  int    // whole months of the event log that are kept
	purgeMonths int    // months after which closed cases lose reporter and photos; 0: never by itself
	perAddress  int    // pages of one address that may follow the log
	proxies     string // networks of trusted reverse proxies; empty: none
	oidc        string // file that says which OpenID provider signs people in; empty: none
	factorRoles string // roles that may do nothing without a second factor; empty: none
	persons     bool   // records of persons are kept; false: none
	basemap     basemap.Config
	gridCodes   string // digits that county, street, community and grid add to a code
	tileMemory  int    // MiB of memory that the map's tiles may take; 0: as much as they need
	alarmRules  string // file of the site's alarm rules; empty: those that are shipped
}

// flags declares the common flags of a command with their values from the environment.
func (s *settings) flags(name, usage string) *flag.FlagSet {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.StringVar(&s.addr, "addr", env("GRIDWALL_ADDR", "127.0.0.1:8080"), "address of the web server; port 0 takes a free one")
	set.StringVar(&s.tlsCert, "tls-cert", env("GRIDWALL_TLS_CERT", ""), "PEM file of the certificate that pages are served by, with those between it and its root (default none: plain HTTP); gridwall certificate makes one")
	set.StringVar(&s.tlsKey, "tls-key", env("GRIDWALL_TLS_KEY", ""), "PEM file of its key; both are read anew when they change")
	set.StringVar(&s.webRTCAddr, "webrtc-addr", env("GRIDWALL_WEBRTC_ADDR", ""), "UDP address of WebRTC video (default the host of --addr, a free port)")
	set.StringVar(&s.rtspAddr, "rtsp-addr", env("GRIDWALL_RTSP_ADDR", ""), "TCP address of RTSP video for other players, or off (default the host of --addr, port 8554 if it is free)")
	set.StringVar(&s.cameraNets, "camera-networks", env("GRIDWALL_CAMERA_NETWORKS", ""), "networks that cameras may be in, like 10.0.0.0/8,192.168.7.0/24 (default all but this machine's own addresses)")
	set.StringVar(&s.cameraCA, "camera-ca", env("GRIDWALL_CAMERA_CA", ""), "PEM file of certificates that sign rtsps cameras (default the system's)")
	set.IntVar(&s.keepMonths, "keep-months", envInt("GRIDWALL_KEEP_MONTHS", 36), "whole months of the event log to keep beside the present one; 0 keeps all")
	set.IntVar(&s.purgeMonths, "purge-months", envInt("GRIDWALL_PURGE_MONTHS", 0), "months from its closing after which a case loses its reporter and photos, with a certificate in the folder purges of --data-dir; 0: only by gridwall purge")
	set.StringVar(&s.alarmRules, "alarm-rules", env("GRIDWALL_ALARM_RULES", ""), "file of the site's alarm rules (default those that are shipped)")
	set.IntVar(&s.perAddress, "clients-per-address", envInt("GRIDWALL_CLIENTS_PER_ADDRESS", 256), "pages of one address that may follow at a time; behind a proxy that is not trusted all of them have its address")
	set.StringVar(&s.checkpoints, "checkpoint-file", env("GRIDWALL_CHECKPOINT_FILE", ""), "file that the log's head is signed into once a minute, best on another machine (default checkpoints.jsonl in --data-dir)")
	set.StringVar(&s.proxies, "trusted-proxies", env("GRIDWALL_TRUSTED_PROXIES", ""), "networks of the reverse proxies that may say whose request it is, like 10.1.0.0/24 (default none)")
	set.StringVar(&s.oidc, "oidc", env("GRIDWALL_OIDC", ""), "YAML file that says which OpenID provider signs people in, and who has which role (default none)")
	set.StringVar(&s.factorRoles, "factor-roles", env("GRIDWALL_FACTOR_ROLES", ""), "roles that may do nothing without a second factor, like admin,auditor (default none)")
	set.BoolVar(&s.persons, "person-records", env("GRIDWALL_PERSON_RECORDS", "") == "true", "keep records of people who are cared for, each with a purpose, an owner and a review once a quarter (default: none)")
	set.StringVar(&s.basemap.From, "basemap", env("GRIDWALL_BASEMAP", ""), "what lies under the map: a .pmtiles file or a folder {z}/{x}/{y} of pictures, an address with {z}, {x}, {y} and {key}, or tianditu:vec, img, ter (default the imported backdrop)")
	set.StringVar(&s.basemap.Key, "basemap-key", env("GRIDWALL_BASEMAP_KEY", ""), "key of the map server; it stays on this one")
	set.StringVar(&s.basemap.Attribution, "basemap-attribution", env("GRIDWALL_BASEMAP_ATTRIBUTION", ""), "whose map it is, as it is to stand on it (default what the file says)")
	set.StringVar(&s.gridCodes, "grid-codes", env("GRIDWALL_GRID_CODES", "6+3+3+3"), "digits that county, street, community and grid add to the codes of new grids")
	set.IntVar(&s.tileMemory, "tile-memory", envInt("GRIDWALL_TILE_MEMORY", 2048), "MiB of memory that the map's tiles may take; a layer beyond it comes from the database, slower; 0 is no limit")
	set.StringVar(&s.cameraKeys, "camera-key-file", env("GRIDWALL_CAMERA_KEY_FILE", ""), "file of the keys that seal the credentials of cameras (default camera.keys in --data-dir, made at the first start); GRIDWALL_CAMERA_KEYS holds them itself")
	s.databaseFlags(set)
	set.Usage = func() {
		fmt.Fprintf(set.Output(), "usage: gridwall %s\n", usage)
		set.PrintDefaults()
	}
	return set
}

// databaseFlags declares those of commands that need the database alone.
func (s *settings) databaseFlags(set *flag.FlagSet) {
	set.StringVar(&s.dataDir, "data-dir", env("GRIDWALL_DATA_DIR", defaultDataDir()), "folder of the private database")
	s.database = os.Getenv("DATABASE_URL")
}

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// envInt reads a whole number; what is none is as good as not set, and flags say what they take.
func envInt(name string, otherwise int) int {
	if v, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return v
	}
	return otherwise
}

// defaultDataDir is the user's data folder; a system folder for root, where the user postgres can reach it.
func defaultDataDir() string {
	if os.Getuid() == 0 {
		return "/var/lib/gridwall"
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "gridwall")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "gridwall-data"
	}
	return filepath.Join(home, ".local", "share", "gridwall")
}

// parse reads flags, also behind arguments, and returns the arguments; help is told and ends well.
func parse(set *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for {
		if err := set.Parse(args); errors.Is(err, flag.ErrHelp) {
			return nil, exitStatus(0)
		} else if err != nil {
			return nil, exitStatus(2) // the flag set has said what is wrong
		}
		if args = set.Args(); len(args) == 0 {
			return rest, nil
		}
		rest, args = append(rest, args[0]), args[1:]
	}
}

// pairs reads a list like "code=smd,parent=anc".
func pairs(text string) (map[string]string, error) {
	out := map[string]string{}
	if text == "" {
		return out, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(part, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%q is not of the form field=column", part)
		}
		out[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return out, nil
}

// prefixes reads a list of networks or single addresses.
func prefixes(text string) (list []netip.Prefix, err error) {
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		p, err := netip.ParsePrefix(part)
		if err != nil {
			a, single := netip.ParseAddr(part)
			if single != nil {
				return nil, fmt.Errorf("%q is no network like 10.0.0.0/8", part)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		list = append(list, p)
	}
	return list, nil
}
