package basemap

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
)

// PMTiles version 3: a header of 127 bytes, directories of varints, tiles by their number along a Hilbert curve.
// https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md

const (
	headerBytes  = 127
	maxDirectory = 64 << 20 // bytes of a directory, unpacked
	maxDepth     = 4
)

type pmtiles struct {
	file                             *os.File
	rootAt, rootSize, leafAt, dataAt uint64
	packed                           byte // 1 none, 2 gzip
	root                             []entry
}

// entry is a run of tiles at one place of the file, or, with run 0, a directory.
type entry struct {
	id, at uint64
	size   uint64
	run    uint64
}

func openPMTiles(c Config) (*Map, error) {
	fail := func(format string, args ...any) (*Map, error) {
		return nil, fmt.Errorf("basemap %s: "+format, append([]any{c.From}, args...)...)
	}
	file, err := os.Open(c.From)
	if err != nil {
		return nil, fmt.Errorf("basemap: %w", err)
	}
	closing := true
	defer func() {
		if closing {
			file.Close()
		}
	}()
	h := make([]byte, headerBytes)
	if _, err := io.ReadFull(file, h); err != nil || string(h[:7]) != "PMTiles" {
		return fail("it is no PMTiles file")
	}
	if h[7] != 3 {
		return fail("it is of version %d, this reads version 3", h[7])
	}
	word := func(at int) uint64 { return binary.LittleEndian.Uint64(h[at:]) }
	p := &pmtiles{file: file, rootAt: word(8), rootSize: word(16), leafAt: word(40), dataAt: word(56), packed: h[97]}
	if p.packed != 1 && p.packed != 2 {
		return fail("its directories are packed in a way that is not read here: only gzip, or not at all")
	}
	if kind := h[99]; kind == 1 {
		return fail("it holds vector tiles: a base map here is made of pictures (PNG, JPEG, WebP)")
	} else if kind < 2 || kind > 4 {
		return fail("it holds tiles of a kind that is not read here: PNG, JPEG or WebP are")
	}
	if h[98] > 1 {
		return fail("its pictures are packed once more, which is not read here")
	}
	if p.root, err = p.directory(p.rootAt, p.rootSize); err != nil {
		return fail("%w", err)
	}
	info := Info{MinZoom: int(h[100]), MaxZoom: int(h[101]), TileSize: 256, Attribution: c.Attribution}
	if info.Attribution == "" {
		info.Attribution = p.attribution(word(24), word(32))
	}
	closing = false
	return &Map{info, func(_ context.Context, z, x, y uint32) (Picture, error) { return p.tile(tileID(z, x, y)) }}, nil
}

// attribution is what the metadata says, empty if nothing.
func (p *pmtiles) attribution(at, size uint64) string {
	b, err := p.unpack(at, size)
	if err != nil {
		return ""
	}
	var metadata struct{ Attribution string }
	if json.Unmarshal(b, &metadata) != nil || len(metadata.Attribution) > 500 {
		return ""
	}
	return metadata.Attribution
}

// tile walks down the directories.
func (p *pmtiles) tile(id uint64) (Picture, error) {
	entries := p.root
	for range maxDepth {
		i := sort.Search(len(entries), func(i int) bool { return entries[i].id > id }) - 1
		if i < 0 {
			return Picture{}, ErrNoTile
		}
		e := entries[i]
		if e.run > 0 {
			if id-e.id >= e.run {
				return Picture{}, ErrNoTile
			}
			if e.size > maxPicture {
				return Picture{}, errors.New("basemap: a picture of the PMTiles file is too large")
			}
			b := make([]byte, e.size)
			if _, err := p.file.ReadAt(b, int64(p.dataAt+e.at)); err != nil {
				return Picture{}, fmt.Errorf("basemap: %w", err)
			}
			return pictureOf(b)
		}
		var err error
		if entries, err = p.directory(p.leafAt+e.at, e.size); err != nil {
			return Picture{}, fmt.Errorf("basemap: %w", err)
		}
	}
	return Picture{}, errors.New("basemap: the directories of the PMTiles file are too deep")
}

// unpack reads a part of the file.
func (p *pmtiles) unpack(at, size uint64) ([]byte, error) {
	if size > maxDirectory {
		return nil, errors.New("a directory is too large")
	}
	b := make([]byte, size)
	if _, err := p.file.ReadAt(b, int64(at)); err != nil {
		return nil, err
	}
	if p.packed == 1 {
		return b, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	b, err = io.ReadAll(io.LimitReader(r, maxDirectory+1))
	if err == nil && len(b) > maxDirectory {
		err = errors.New("a directory is too large")
	}
	return b, err
}

var errDirectory = errors.New("a directory is damaged")

func (p *pmtiles) directory(at, size uint64) ([]entry, error) {
	b, err := p.unpack(at, size)
	if err != nil {
		return nil, err
	}
	return parseDirectory(b)
}

// parseDirectory reads columns: numbers as differences, runs, sizes, places (0: right behind the one before).
func parseDirectory(b []byte) ([]entry, error) {
	next := func() (uint64, bool) {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return 0, false
		}
		b = b[n:]
		return v, true
	}
	count, ok := next()
	if !ok || count > uint64(len(b)) { // four bytes each at the least
		return nil, errDirectory
	}
	entries := make([]entry, count)
	for column := range 4 {
		last := uint64(0)
		for i := range entries {
			v, ok := next()
			if !ok {
				return nil, errDirectory
			}
			e := &entries[i]
			switch column {
			case 0:
				last += v
				e.id = last
			case 1:
				e.run = v
			case 2:
				e.size = v
			case 3:
				switch {
				case v > 0:
					e.at = v - 1
				case i > 0:
					e.at = entries[i-1].at + entries[i-1].size
				default:
					return nil, errDirectory
				}
			}
		}
	}
	return entries, nil
}

// tileID is a tile's number: all of the zooms above, then its place on the Hilbert curve.
func tileID(z, x, y uint32) uint64 {
	id := (uint64(1)<<(2*z) - 1) / 3
	for side := uint32(1) << z >> 1; side > 0; side >>= 1 {
		var rx, ry uint32
		if x&side > 0 {
			rx = 1
		}
		if y&side > 0 {
			ry = 1
		}
		id += uint64(side) * uint64(side) * uint64((3*rx)^ry)
		if ry == 0 {
			if rx == 1 {
				x, y = side-1-x&(side-1), side-1-y&(side-1)
			}
			x, y = y, x
		}
		x, y = x&(side-1), y&(side-1)
	}
	return id
}
