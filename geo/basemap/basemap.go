// Package basemap gives pictures of the ground to lie under everything else: from a PMTiles file, a folder, or another
// server's XYZ or WMTS address. A page asks this server for them and no other.
package basemap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrNoTile says that there is no picture there; the map shows plain ground.
var ErrNoTile = errors.New("basemap: no such tile")

// ErrAway says that the other server gave no picture.
var ErrAway = errors.New("basemap: the map server gave no picture")

// Config says where pictures come from.
type Config struct {
	// From is a .pmtiles file; a folder with {z}/{x}/{y}.png, .jpg or .webp in it; an address with {z}, {x}, {y} and {key}; or
	// tianditu:vec, tianditu:img or tianditu:ter for 天地图. Empty: none.
	From string
	// Key is put in the place of {key}. It stays on the server.
	Key string
	// Attribution is shown on the map; empty: what the source says of itself.
	Attribution string
}

// Info is what a map needs to know of it.
type Info struct {
	MinZoom     int    `json:"minzoom"`
	MaxZoom     int    `json:"maxzoom"`
	TileSize    int    `json:"tile_size"` // px
	Attribution string `json:"attribution"`
}

// Picture is one tile.
type Picture struct {
	Body []byte
	Type string // image/png, image/jpeg or image/webp
}

// Map gives pictures. Safe for concurrent use.
type Map struct {
	Info Info
	read func(ctx context.Context, z, x, y uint32) (Picture, error)
}

// maxPicture (bytes) is the largest picture that is passed on.
const maxPicture = 4 << 20

// Open opens a base map; nil for none. Its errors say what is wrong with the configuration.
func Open(c Config) (*Map, error) {
	switch {
	case c.From == "":
		return nil, nil
	case strings.HasPrefix(c.From, "tianditu:"):
		return openTianditu(c)
	case strings.HasPrefix(c.From, "http://"), strings.HasPrefix(c.From, "https://"):
		return openRemote(c, Info{MaxZoom: 18, TileSize: 256, Attribution: c.Attribution})
	case strings.HasSuffix(strings.ToLower(c.From), ".pmtiles"):
		return openPMTiles(c)
	}
	if info, err := os.Stat(c.From); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("basemap %q: it is no .pmtiles file, folder, or http address with {z}, {x} and {y}", c.From)
	}
	return openFolder(c)
}

// Tile is one picture: ErrNoTile where there is none, ErrAway where the other server does not answer.
func (m *Map) Tile(ctx context.Context, z, x, y uint32) (Picture, error) {
	if z > 24 || x>>z != 0 || y>>z != 0 || int(z) < m.Info.MinZoom || int(z) > m.Info.MaxZoom {
		return Picture{}, ErrNoTile
	}
	return m.read(ctx, z, x, y)
}

// pictureOf knows the formats by their first bytes: what is no picture is not passed on.
func pictureOf(b []byte) (Picture, error) {
	for _, f := range []struct {
		magic string
		at    int
		kind  string
	}{{"\x89PNG\r\n", 0, "image/png"}, {"\xff\xd8\xff", 0, "image/jpeg"}, {"WEBP", 8, "image/webp"}} {
		if len(b) > f.at && bytes.HasPrefix(b[f.at:], []byte(f.magic)) {
			return Picture{b, f.kind}, nil
		}
	}
	return Picture{}, fmt.Errorf("%w: not PNG, JPEG or WebP", ErrAway)
}

// openFolder finds the zooms that the folder has.
func openFolder(c Config) (*Map, error) {
	entries, err := os.ReadDir(c.From)
	if err != nil {
		return nil, fmt.Errorf("basemap: %w", err)
	}
	info := Info{MinZoom: 25, MaxZoom: -1, TileSize: 256, Attribution: c.Attribution}
	for _, e := range entries {
		if z, err := strconv.Atoi(e.Name()); err == nil && e.IsDir() && z >= 0 && z <= 24 {
			info.MinZoom, info.MaxZoom = min(info.MinZoom, z), max(info.MaxZoom, z)
		}
	}
	if info.MaxZoom < 0 {
		return nil, fmt.Errorf("basemap: the folder %q has no {z}/{x}/{y} in it", c.From)
	}
	root, err := os.OpenRoot(c.From)
	if err != nil {
		return nil, fmt.Errorf("basemap: %w", err)
	}
	return &Map{info, func(_ context.Context, z, x, y uint32) (Picture, error) {
		for _, ending := range []string{".png", ".jpg", ".jpeg", ".webp"} {
			name := filepath.Join(fmt.Sprint(z), fmt.Sprint(x), fmt.Sprint(y)+ending)
			if stat, err := root.Stat(name); err != nil || stat.Size() > maxPicture {
				continue
			}
			b, err := root.ReadFile(name)
			if err != nil {
				return Picture{}, fmt.Errorf("basemap: %w", err)
			}
			return pictureOf(b)
		}
		return Picture{}, ErrNoTile
	}}, nil
}

// openTianditu is 天地图's WMTS in Web Mercator.
func openTianditu(c Config) (*Map, error) {
	layer := strings.TrimPrefix(c.From, "tianditu:")
	if layer != "vec" && layer != "img" && layer != "ter" {
		return nil, fmt.Errorf("basemap %q: choose tianditu:vec, tianditu:img or tianditu:ter", c.From)
	}
	if c.Key == "" {
		return nil, errors.New("basemap: 天地图 needs a key of its own (--basemap-key)")
	}
	c.From = "https://t0.tianditu.gov.cn/" + layer + "_w/wmts?SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER=" + layer +
		"&STYLE=default&TILEMATRIXSET=w&FORMAT=tiles&TILEMATRIX={z}&TILEROW={y}&TILECOL={x}&tk={key}"
	if c.Attribution == "" {
		c.Attribution = "天地图"
	}
	return openRemote(c, Info{MinZoom: 1, MaxZoom: 18, TileSize: 256, Attribution: c.Attribution})
}

// client follows no redirect: an answer from elsewhere was not asked for.
func newClient() *http.Client {
	return &http.Client{Timeout: answerWithin, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}
