import type { Priority } from '../cases/types'
import type { Named } from '../i18n'

/** x, y, width, height on the raster of a screen below its header. */
export type Rect = [number, number, number, number]

export const raster = { width: 240, height: 120 }
/** A screen that is wider than this in proportion takes the wide places of its scene. */
const wideFrom = 2.4

export type Kind = 'map' | 'situation' | 'trend' | 'ranking' | 'ticker' | 'tour' | 'camera' | 'near' | 'case' | 'alarm' | 'duty' | 'empty'
export const kinds: Kind[] = ['map', 'situation', 'trend', 'ranking', 'ticker', 'tour', 'camera', 'near', 'case', 'alarm', 'duty', 'empty']

export interface Content {
  kind: Kind
  camera?: string
  cameras?: string[]
  pinned?: string[]
  show?: number
  dwell_s?: number
  case?: number
  classes?: string[]
  priorities?: Priority[]
}

export interface Tile {
  id: string
  at: Rect
  wide?: Rect
  content: Content
}

export interface Scene {
  id: string
  revision: number
  title: Named
  layout: Layout
  tiles: Tile[]
}

export const layouts = ['1', '4', '1+5', '6', '8', '9', '12', '16', '25', 'free'] as const
export type Layout = (typeof layouts)[number]

/** Places of a layout's tiles, the largest first. A free one has none of its own. */
export function placesOf(layout: Layout): Rect[] {
  switch (layout) {
    case '1':
      return even(1, 1)
    case '4':
      return even(2, 2)
    case '6':
      return even(3, 2)
    case '9':
      return even(3, 3)
    case '12':
      return even(4, 3)
    case '16':
      return even(4, 4)
    case '25':
      return even(5, 5)
    case '1+5':
      return oneLarge(3)
    case '8':
      return oneLarge(4)
    case 'free':
      return []
    default:
      return layout satisfies never
  }
}

function even(columns: number, rows: number): Rect[] {
  const width = raster.width / columns
  const height = raster.height / rows
  return Array.from({ length: columns * rows }, (_, n): Rect => [(n % columns) * width, Math.floor(n / columns) * height, width, height])
}

/** One tile over all but the last column and row of n by n. */
function oneLarge(n: number): Rect[] {
  const small = even(n, n)
  const [, , width, height] = small[0] ?? [0, 0, raster.width, raster.height]
  const large: Rect = [0, 0, width * (n - 1), height * (n - 1)]
  return [large, ...small.filter(([x, y]) => x >= large[2] || y >= large[3])]
}

/** Gives the tiles of a scene the places of a layout; what is left over goes, what is missing is empty. */
export function laidOut(scene: Scene, layout: Layout): Scene {
  if (layout === 'free') return { ...scene, layout }
  const tiles = placesOf(layout).map((at, n): Tile => ({ id: scene.tiles[n]?.id ?? freeId(scene.tiles, n), at, content: scene.tiles[n]?.content ?? { kind: 'empty' } }))
  return { ...scene, layout, tiles }
}

export function freeId(tiles: readonly Tile[], from: number): string {
  for (let n = from + 1; ; n += 1) if (!tiles.some((tile) => tile.id === `t${n}`)) return `t${n}`
}

export const isWide = (width: number, height: number): boolean => width / Math.max(1, height) > wideFrom

export function placeOf(tile: Tile, width: number, height: number): Rect {
  return isWide(width, height) ? (tile.wide ?? tile.at) : tile.at
}

/** Columns of n pictures in a box, so that they come out largest at 16 : 9. */
export function columnsFor(n: number, width: number, height: number): number {
  let best = { columns: 1, size: 0 }
  for (let columns = 1; columns <= n; columns += 1) {
    const rows = Math.ceil(n / columns)
    const size = Math.min(width / columns / 16, height / rows / 9)
    if (size > best.size * 1.001) best = { columns, size }
  }
  return best.columns
}
