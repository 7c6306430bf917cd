package tile

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"sync"

	"github.com/paulmach/orb/maptile"
)

const (
	extent = 4096
	buffer = 64 // units drawn beyond each side, so that lines do not end at it

	// coarseBelow is the first zoom at full resolution. Below it positions are rounded to 4 units (half a pixel of a 512 px
	// tile): neighbours share their corners, are rounded alike, and so stay without a gap.
	coarseBelow = 14
	coarseBits  = 2
)

// emptyTile is a tile without layers.
var emptyTile = finish(nil)

// encoder holds the working memory of one tile.
type encoder struct {
	out      []byte // the tile
	layer    []byte // features of the layer
	values   []byte // its values
	feature  []byte
	tags     []byte
	found    []*item
	geometry []byte
	a, b     []ipt    // a ring or line, and its clipped copy
	local    []uint32 // shared value → its number in this tile + 1
	used     []uint32 // shared values that have one
	cursor   ipt
}

var encoders = sync.Pool{New: func() any { return new(encoder) }}

// encode makes the tile at, for view.
func (s *state) encode(ctx context.Context, at maptile.Tile, view View) (*Tile, error) {
	if s.source != nil {
		plain, err := s.source(ctx, at, view)
		if err != nil {
			return nil, err
		}
		if len(plain) == 0 {
			return emptyTile, nil
		}
		return finish(plain), nil
	}
	e := encoders.Get().(*encoder)
	defer encoders.Put(e)
	e.out = e.out[:0]
	for _, l := range s.layers {
		e.encodeLayer(l, at, view)
	}
	if len(e.out) == 0 {
		return emptyTile, nil
	}
	return finish(e.out), nil
}

// finish compresses a tile and names it.
func finish(plain []byte) *Tile {
	var b bytes.Buffer
	b.Grow(len(plain)/2 + 64)
	w := compressors.Get().(*gzip.Writer)
	defer compressors.Put(w)
	w.Reset(&b)
	w.Write(plain) // a bytes.Buffer takes everything
	w.Close()
	sum := sha256.Sum256(b.Bytes())
	return &Tile{Gzip: b.Bytes(), ETag: `"` + hex.EncodeToString(sum[:8]) + `"`}
}

var compressors = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(nil, gzipLevel)
	if err != nil {
		panic(err) // the level is a constant
	}
	return w
}}

// gzipLevel: measured on the tiles of a town, 5 is within 0.2 % of the size of 6 to 9 for half the time of 6.
const gzipLevel = 5

// window is where a tile lies on the Mercator square and how to get to its units.
type window struct {
	x0, y0 int64
	shift  uint // world units per tile unit, as a power of two
	coarse uint // bits rounded away
}

func newWindow(at maptile.Tile) window {
	side := 32 - uint(at.Z)
	v := window{x0: int64(at.X) << side, y0: int64(at.Y) << side, shift: side - 12}
	if at.Z < coarseBelow {
		v.coarse = coarseBits
	}
	return v
}

// unit rounds a world coordinate to the tile's grid.
func (v *window) unit(p pt, coarse uint) ipt {
	shift := v.shift + coarse
	var half int64
	if shift > 0 {
		half = 1 << (shift - 1)
	}
	return ipt{(int64(p.x) - v.x0 + half) >> shift << coarse, (int64(p.y) - v.y0 + half) >> shift << coarse}
}

// box is the buffered tile on the Mercator square.
func (v *window) box() box {
	margin := int64(buffer+1<<v.coarse) << v.shift
	side := int64(extent) << v.shift
	clamp := func(n int64) uint32 { return uint32(min(max(n, 0), 1<<32-1)) }
	return box{clamp(v.x0 - margin), clamp(v.y0 - margin), clamp(v.x0 + side + margin), clamp(v.y0 + side + margin)}
}

// encodeLayer appends one layer to the tile, if it has a feature there.
func (e *encoder) encodeLayer(l *layerState, at maptile.Tile, view View) {
	v := newWindow(at)
	keys := l.spec.keys(view)
	q := v.box()
	e.found = l.pack.search(&q, e.found[:0])
	if len(l.gone) > 0 {
		e.found = slices.DeleteFunc(e.found, func(it *item) bool { _, gone := l.gone[it.id]; return gone })
	}
	if packed := len(e.found); len(l.fresh) > 0 {
		for _, it := range l.fresh {
			if it.box.meets(&q) {
				e.found = append(e.found, it)
			}
		}
		if len(e.found) > packed {
			slices.SortFunc(e.found, func(a, b *item) int { return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.id, b.id)) })
		}
	}
	e.layer, e.values, e.used = e.layer[:0], e.values[:0], e.used[:0]
	if len(e.local) < len(l.vocab.values) {
		e.local = make([]uint32, len(l.vocab.values))
	}
	count := uint32(0) // values so far
	thin := at.Z < l.spec.ThinBelow
	cell := uint(2 * (v.shift + 6)) // morton digits inside one square of 1/64 tile
	last := ^uint64(0)
	for _, it := range e.found {
		if uint8(at.Z) < it.minZoom || it.desk && view != Desk {
			continue
		}
		s := it.near
		if it.far != nil && at.Z < l.spec.FarBelow {
			s = it.far
		}
		if thin && s.kind == point {
			if it.order>>cell == last {
				continue
			}
			last = it.order >> cell
		}
		if !e.shape(s, &v, &q) {
			continue
		}
		count = e.put(it, s.kind, l.vocab, keys, count)
	}
	for _, n := range e.used {
		e.local[n] = 0
	}
	clear(e.found)
	if len(e.layer) > 0 {
		e.close(l, keys)
	}
}

// put appends a feature whose geometry stands in e.geometry, with the first keys fields of its layer.
func (e *encoder) put(it *item, kind byte, vocab *vocabulary, keys int, count uint32) uint32 {
	e.tags = e.tags[:0]
	for a := it.attrs; len(a) > 0; {
		k, n := binary.Uvarint(a)
		if k >= uint64(keys) {
			break // they stand in the order of the fields
		}
		a = a[n:]
		ref, n := binary.Uvarint(a)
		a = a[n:]
		e.tags = binary.AppendUvarint(e.tags, k)
		if ref == 0 {
			size, n := binary.Uvarint(a)
			e.values = appendBytes(e.values, 4, a[n:n+int(size)])
			a = a[n+int(size):]
			e.tags = binary.AppendUvarint(e.tags, uint64(count))
			count++
			continue
		}
		number := uint32(ref - 1)
		if e.local[number] == 0 {
			e.values = appendBytes(e.values, 4, vocab.values[number])
			count++
			e.local[number] = count
			e.used = append(e.used, number)
		}
		e.tags = binary.AppendUvarint(e.tags, uint64(e.local[number]-1))
	}
	f := append(e.feature[:0], 1<<3)
	f = binary.AppendUvarint(f, it.id)
	if len(e.tags) > 0 {
		f = appendBytes(f, 2, e.tags)
	}
	f = append(f, 3<<3, kind)
	f = appendBytes(f, 4, e.geometry)
	e.feature = f
	e.layer = appendBytes(e.layer, 2, f)
	return count
}

// close wraps the layer's features, keys and values.
func (e *encoder) close(l *layerState, keys int) {
	head := appendBytes(e.feature[:0], 1, []byte(l.spec.Name))
	tail := e.tags[:0]
	for _, f := range l.spec.Fields[:keys] {
		tail = appendBytes(tail, 3, []byte(f.Name))
	}
	tail = append(tail, e.values...)
	tail = append(tail, 5<<3, 0x80, 0x20, 15<<3, 2) // extent 4096, version 2
	e.out = append(e.out, 3<<3|2)
	e.out = binary.AppendUvarint(e.out, uint64(len(head)+len(e.layer)+len(tail)))
	e.out = append(append(append(e.out, head...), e.layer...), tail...)
	e.feature, e.tags = head, tail
}

func appendBytes(b []byte, field byte, content []byte) []byte {
	b = append(b, field<<3|2)
	b = binary.AppendUvarint(b, uint64(len(content)))
	return append(b, content...)
}
