import { same } from './draft'
import { freeId, raster, type Content, type Rect, type Scene, type Tile } from './scenes'

/** What a pointer holds of a tile: the whole, or the sides that it pulls. */
export interface Grip {
  x: -1 | 0 | 1
  y: -1 | 0 | 1
}
export const whole: Grip = { x: 0, y: 0 }
export const grips: Grip[] = ([-1, 0, 1] as const).flatMap((y) => ([-1, 0, 1] as const).map((x) => ({ x, y }))).filter(({ x, y }) => x !== 0 || y !== 0)

/** Units of the raster: a step of a hand, how near an edge catches, the least width and height of a tile. */
export const stepUnits = 5
const catches = 3
const least = { width: 20, height: 15 }

const clamp = (value: number, low: number, high: number) => Math.max(low, Math.min(high, value))

/** An edge goes to the nearest line that is close, else to a whole step. */
function settled(value: number, lines: readonly number[], step: number): number {
  const near = lines.filter((line) => Math.abs(line - value) <= catches).sort((a, b) => Math.abs(a - value) - Math.abs(b - value))[0]
  return near ?? Math.round(value / step) * step
}

/** Edges of the screen and of the other tiles, which a dragged edge catches. */
export function linesOf(places: readonly Rect[]): { x: number[]; y: number[] } {
  return {
    x: [...new Set([0, raster.width, ...places.flatMap(([x, , w]) => [x, x + w])])],
    y: [...new Set([0, raster.height, ...places.flatMap(([, y, , h]) => [y, y + h])])],
  }
}

/** A place that was dragged by dx, dy units: it stays inside the screen, is never too small to be read, and its edges catch others. */
export function dragged([x, y, w, h]: Rect, grip: Grip, dx: number, dy: number, lines: ReturnType<typeof linesOf>, step = stepUnits): Rect {
  const [left, right] = axis(x, w, grip.x, grip.x === 0 && grip.y !== 0 ? 0 : dx, lines.x, raster.width, least.width, step)
  const [top, bottom] = axis(y, h, grip.y, grip.y === 0 && grip.x !== 0 ? 0 : dy, lines.y, raster.height, least.height, step)
  return [left, top, right - left, bottom - top]
}

function axis(from: number, length: number, side: -1 | 0 | 1, by: number, lines: readonly number[], whole: number, small: number, step: number): [number, number] {
  if (by === 0) return [from, from + length]
  if (side === -1) return [clamp(settled(from + by, lines, step), 0, from + length - small), from + length]
  if (side === 1) return [from, clamp(settled(from + length + by, lines, step), from + small, whole)]
  const start = settled(from + by, lines, step)
  const end = settled(from + length + by, lines, step)
  // Whichever edge catches a line leads; the length stays.
  const moved = lines.includes(end) && !lines.includes(start) ? end - length : start
  const kept = clamp(moved, 0, whole - length)
  return [kept, kept + length]
}

const overlap = ([ax, ay, aw, ah]: Rect, [bx, by, bw, bh]: Rect) => ax < bx + bw && bx < ax + aw && ay < by + bh && by < ay + ah

/** Pairs of tiles that lie over one another, on screens of one kind. */
export function overlaps(scene: Scene, wide: boolean): [Tile, Tile][] {
  const at = (tile: Tile) => (wide ? (tile.wide ?? tile.at) : tile.at)
  return scene.tiles.flatMap((a, n) => scene.tiles.slice(n + 1).flatMap((b): [Tile, Tile][] => (overlap(at(a), at(b)) ? [[a, b]] : [])))
}

/** The same scene with one tile elsewhere: places of wide screens are their own. A layout that is departed from is a free one. */
export function placed(scene: Scene, id: string, to: Rect, wide: boolean): Scene {
  const tiles = scene.tiles.map((tile) => (tile.id !== id ? tile : wide ? { ...tile, wide: to } : { ...tile, at: to }))
  return { ...scene, layout: wide ? scene.layout : 'free', tiles }
}

export function filled(scene: Scene, id: string, content: Content): Scene {
  return { ...scene, tiles: scene.tiles.map((tile) => (tile.id === id ? { ...tile, content } : tile)) }
}

/** One more tile, as large as is still free around a point, and never smaller than can be read. */
export function added(scene: Scene, content: Content, x: number, y: number, wide: boolean): { scene: Scene; id: string } {
  const id = freeId(scene.tiles, scene.tiles.length)
  const size = { w: 60, h: 40 }
  const at: Rect = [clamp(Math.round((x - size.w / 2) / stepUnits) * stepUnits, 0, raster.width - size.w), clamp(Math.round((y - size.h / 2) / stepUnits) * stepUnits, 0, raster.height - size.h), size.w, size.h]
  const others = scene.tiles.map((tile) => (wide ? (tile.wide ?? tile.at) : tile.at))
  const place = roomAround(x, y, others) ?? at
  return { scene: { ...scene, layout: 'free', tiles: [...scene.tiles, { id, at: place, content }] }, id }
}

/** The largest free rectangle around a point between the edges of the others; null if one of them lies there or it is too small. */
function roomAround(x: number, y: number, others: readonly Rect[]): Rect | null {
  const lines = linesOf(others)
  let best: Rect | null = null
  for (const left of lines.x.filter((line) => line <= x)) {
    for (const right of lines.x.filter((line) => line > x)) {
      for (const top of lines.y.filter((line) => line <= y)) {
        for (const bottom of lines.y.filter((line) => line > y)) {
          const room: Rect = [left, top, right - left, bottom - top]
          if (room[2] < least.width || room[3] < least.height || others.some((other) => overlap(room, other))) continue
          if (best === null || room[2] * room[3] > best[2] * best[3]) best = room
        }
      }
    }
  }
  return best
}

/** The largest free rectangle of the screen, its middle; null when it is full. */
export function freePoint(scene: Scene, wide: boolean): { x: number; y: number } | null {
  const others = scene.tiles.map((tile) => (wide ? (tile.wide ?? tile.at) : tile.at))
  let best: Rect | null = null
  for (let y = stepUnits / 2; y < raster.height; y += stepUnits) {
    for (let x = stepUnits / 2; x < raster.width; x += stepUnits) {
      if (others.some((other) => overlap(other, [x, y, 0.1, 0.1]))) continue
      const room = roomAround(x, y, others)
      if (room !== null && (best === null || room[2] * room[3] > best[2] * best[3])) best = room
    }
  }
  return best === null ? null : { x: best[0] + best[2] / 2, y: best[1] + best[3] / 2 }
}

export function without(scene: Scene, id: string): Scene {
  return { ...scene, layout: 'free', tiles: scene.tiles.filter((tile) => tile.id !== id) }
}

/** What is different in the second scene, in words that a page has texts for. */
export type Difference = { what: 'title' | 'layout' } | { what: 'added' | 'removed' | 'placed' | 'shows'; tile: Tile }

export function differences(from: Scene, to: Scene): Difference[] {
  const list: Difference[] = []
  if (!same(from.title, to.title)) list.push({ what: 'title' })
  if (from.layout !== to.layout) list.push({ what: 'layout' })
  for (const tile of to.tiles) {
    const before = from.tiles.find((one) => one.id === tile.id)
    if (before === undefined) list.push({ what: 'added', tile })
    else {
      if (!same([before.at, before.wide], [tile.at, tile.wide])) list.push({ what: 'placed', tile })
      if (!same(before.content, tile.content)) list.push({ what: 'shows', tile })
    }
  }
  for (const tile of from.tiles) if (!to.tiles.some((one) => one.id === tile.id)) list.push({ what: 'removed', tile })
  return list
}

/** What both changed, together: a part that I changed is mine, every other is as it stands. */
export function merged(base: Scene, mine: Scene, stands: Scene): Scene {
  const pick = <T>(of: (scene: Scene) => T): T => (same(of(base), of(mine)) ? of(stands) : of(mine))
  const ids = [...new Set([...stands.tiles, ...mine.tiles].map((tile) => tile.id))]
  const tiles = ids.flatMap((id) => pick((scene) => scene.tiles.find((tile) => tile.id === id)) ?? [])
  return { id: mine.id, revision: stands.revision, title: pick((scene) => scene.title), layout: pick((scene) => scene.layout), tiles }
}

/** An id for a scene of that name: letters and digits of it, else a number. */
export function sceneId(title: string, taken: readonly string[]): string {
  const plain = title.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 56) || 'scene'
  for (let n = 1; ; n += 1) {
    const id = n === 1 ? plain : `${plain}-${n}`
    if (!taken.includes(id)) return id
  }
}
