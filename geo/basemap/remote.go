package basemap

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	answerWithin = 10 * time.Second
	// kept (bytes) is how much of another server's pictures is remembered; beyond it the oldest half is forgotten.
	kept = 64 << 20
	// freshFor is how long a picture is not asked for again.
	freshFor = 24 * time.Hour
)

type remembered struct {
	Picture
	at time.Time
}

// memory keeps pictures: most of a site look at the same town.
type memory struct {
	mu    sync.Mutex
	tiles map[[3]uint32]remembered
	order [][3]uint32
	bytes int
}

func (m *memory) get(at [3]uint32, now time.Time) (Picture, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.tiles[at]
	return r.Picture, ok && now.Sub(r.at) < freshFor
}

func (m *memory) put(at [3]uint32, p Picture, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, there := m.tiles[at]; there {
		m.bytes -= len(old.Body)
	} else {
		m.order = append(m.order, at)
	}
	m.tiles[at] = remembered{p, now}
	if m.bytes += len(p.Body); m.bytes <= kept {
		return
	}
	half := len(m.order) / 2
	for _, old := range m.order[:half] {
		m.bytes -= len(m.tiles[old].Body)
		delete(m.tiles, old)
	}
	m.order = append([][3]uint32(nil), m.order[half:]...)
}

// openRemote asks another server, and remembers what it gave.
func openRemote(c Config, info Info) (*Map, error) {
	for _, part := range []string{"{z}", "{x}", "{y}"} {
		if !strings.Contains(c.From, part) {
			return nil, fmt.Errorf("basemap: the address lacks %s", part)
		}
	}
	if strings.Contains(c.From, "{key}") && c.Key == "" {
		return nil, fmt.Errorf("basemap: the address wants a key (--basemap-key)")
	}
	if _, err := url.Parse(strings.NewReplacer("{z}", "1", "{x}", "1", "{y}", "1", "{key}", "k").Replace(c.From)); err != nil {
		return nil, fmt.Errorf("basemap: the address is none: %w", err)
	}
	client := newClient()
	seen := &memory{tiles: map[[3]uint32]remembered{}}
	return &Map{info, func(ctx context.Context, z, x, y uint32) (Picture, error) {
		at := [3]uint32{z, x, y}
		if p, ok := seen.get(at, time.Now()); ok {
			return p, nil
		}
		address := strings.NewReplacer("{z}", fmt.Sprint(z), "{x}", fmt.Sprint(x), "{y}", fmt.Sprint(y), "{key}", url.QueryEscape(c.Key)).Replace(c.From)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return Picture{}, ErrAway // the error would tell the key
		}
		answer, err := client.Do(req)
		if err != nil {
			return Picture{}, ErrAway
		}
		defer answer.Body.Close()
		switch answer.StatusCode {
		case http.StatusOK:
		case http.StatusNotFound, http.StatusNoContent:
			return Picture{}, ErrNoTile
		default:
			return Picture{}, fmt.Errorf("%w: it answered %d", ErrAway, answer.StatusCode)
		}
		b, err := io.ReadAll(io.LimitReader(answer.Body, maxPicture+1))
		if err != nil || len(b) > maxPicture {
			return Picture{}, fmt.Errorf("%w: too large, or cut off", ErrAway)
		}
		p, err := pictureOf(b)
		if err == nil {
			seen.put(at, p, time.Now())
		}
		return p, err
	}}, nil
}
