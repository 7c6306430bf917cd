package tile

import (
	"sync"
	"sync/atomic"

	"github.com/paulmach/orb/maptile"
)

// cacheBytes is how much a set keeps; beyond it tiles are thrown away in no particular order until a quarter is free.
const cacheBytes = 64 << 20

// entryBytes is what an entry costs beside its body.
const entryBytes = 200

// entry is a tile in the cache. It counts only once its maker has seen that its state is still the current one.
type entry struct {
	*Tile
	counts atomic.Bool
}

// cache keeps encoded tiles. Reading takes no lock.
type cache struct {
	tiles sync.Map // uint64 → *entry
	count atomic.Int64
	bytes atomic.Int64
}

func key(at maptile.Tile) uint64 { return uint64(at.Z)<<56 | uint64(at.X)<<28 | uint64(at.Y) }

func (c *cache) get(at maptile.Tile) *Tile {
	v, ok := c.tiles.Load(key(at))
	if !ok || !v.(*entry).counts.Load() {
		return nil
	}
	return v.(*entry).Tile
}

// put keeps t if current still holds once it is kept: a change replaces the state first and drops tiles after, so either
// this sees the new state, or the change finds this entry. Until then no reader is given it.
func (c *cache) put(at maptile.Tile, t *Tile, current func() bool) {
	if t == emptyTile {
		return // as quickly made as found
	}
	e := &entry{Tile: t}
	if _, there := c.tiles.LoadOrStore(key(at), e); there {
		return
	}
	c.count.Add(1)
	full := c.bytes.Add(int64(len(t.Gzip)+entryBytes)) > cacheBytes
	if !current() {
		c.forget(key(at), e)
		return
	}
	e.counts.Store(true)
	if full {
		c.tiles.Range(func(k, v any) bool {
			c.forget(k.(uint64), v.(*entry))
			return c.bytes.Load() > cacheBytes*3/4
		})
	}
}

func (c *cache) forget(k uint64, e *entry) {
	if c.tiles.CompareAndDelete(k, e) {
		c.count.Add(-1)
		c.bytes.Add(-int64(len(e.Gzip) + entryBytes))
	}
}

// drop forgets the tiles that show b, their buffer included.
func (c *cache) drop(b box, minZoom, maxZoom maptile.Zoom) {
	var count int64
	for z := minZoom; z <= maxZoom; z++ {
		x0, y0, x1, y1 := tilesUnder(b, z)
		count += (x1 - x0 + 1) * (y1 - y0 + 1)
	}
	if count > c.count.Load() { // fewer tiles are kept than lie under b: look at those
		c.tiles.Range(func(k, v any) bool {
			n := k.(uint64)
			x0, y0, x1, y1 := tilesUnder(b, maptile.Zoom(n>>56))
			if x, y := int64(n>>28&(1<<28-1)), int64(n&(1<<28-1)); x >= x0 && x <= x1 && y >= y0 && y <= y1 {
				c.forget(n, v.(*entry))
			}
			return true
		})
		return
	}
	for z := minZoom; z <= maxZoom; z++ {
		x0, y0, x1, y1 := tilesUnder(b, z)
		for x := x0; x <= x1; x++ {
			for y := y0; y <= y1; y++ {
				k := key(maptile.New(uint32(x), uint32(y), z))
				if e, ok := c.tiles.Load(k); ok {
					c.forget(k, e.(*entry))
				}
			}
		}
	}
}

// tilesUnder gives the range of tiles of zoom z whose buffered square meets b.
func tilesUnder(b box, z maptile.Zoom) (x0, y0, x1, y1 int64) {
	shift := 32 - z
	margin := int64(1)<<(shift-6) + int64(1)<<(shift-12) // the buffer, and one unit for rounding
	last := int64(1)<<z - 1
	at := func(v int64) int64 { return min(max(v>>shift, 0), last) }
	return at(int64(b.minX) - margin), at(int64(b.minY) - margin), at(int64(b.maxX) + margin), at(int64(b.maxY) + margin)
}
