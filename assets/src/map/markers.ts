import type { Priority } from '../cases/types'
import type { Palette } from './palette'

type Pen = OffscreenCanvasRenderingContext2D

/** From the lowest to the highest: a critical case is drawn over everything else. */
export const drawOrder: readonly Priority[] = ['advice', 'normal', 'urgent', 'critical']

/** A marker ready to be put on a canvas; side in px of the canvas. */
export interface Sprite {
  image: ImageBitmap
  side: number
}

export interface Look {
  palette: Palette
  /** 1 on 1920×1080, 2 on 4K. */
  scale: number
  /** Canvas px per page px. */
  density: number
}

/** The sprites of one look at one zoom, drawn when they are first asked for. */
export class Markers {
  readonly zoom: number
  readonly #look: Look
  readonly #sprites = new Map<string, Sprite>()

  constructor(look: Look, zoom: number) {
    this.#look = look
    this.zoom = zoom
  }

  sprite(priority: Priority, late: boolean): Sprite {
    const key = late ? `${priority}-late` : priority
    const known = this.#sprites.get(key)
    if (known !== undefined) return known
    const { scale, density, palette } = this.#look
    const seen = this.zoom - Math.max(0, Math.log2(scale)) // as in style.ts: a larger screen sees the same ground one zoom higher
    const grow = scale * density * between(seen, sizes[priority])
    const side = Math.ceil(box * grow)
    const canvas = new OffscreenCanvas(side, side)
    const g = canvas.getContext('2d')
    if (g !== null) {
      g.translate(side / 2, side / 2)
      g.scale(grow, grow)
      draws[priority](g, palette, late)
    }
    const sprite = { image: canvas.transferToImageBitmap(), side }
    this.#sprites.set(key, sprite)
    return sprite
  }
}

/** The side of a sprite at size 1, px; its marker is drawn around 0,0. */
const box = 26

type Stops = readonly (readonly [zoom: number, size: number])[]

const round: Stops = [[11, 2.6 / 4.2], [14, 1], [17, 6.5 / 4.2]]
const shaped: Stops = [[11, 0.7], [14, 1], [17, 1.25]]
const sizes: Record<Priority, Stops> = { advice: round, normal: round, urgent: shaped, critical: shaped }

/** Linear between the stops, as the map's own layers are. */
export function between(zoom: number, stops: Stops): number {
  let before = stops[0]
  if (before === undefined) return 1
  for (const stop of stops) {
    if (zoom < stop[0]) {
      const span = stop[0] - before[0]
      return span <= 0 ? stop[1] : before[1] + ((zoom - before[0]) / span) * (stop[1] - before[1])
    }
    before = stop
  }
  return before[1]
}

const draws: Record<Priority, (g: Pen, p: Palette, late: boolean) => void> = {
  advice: (g, p, late) => disc(g, 5.1, p['map-ground'], late ? p.late : p.advice, 1.8),
  normal: (g, p, late) => disc(g, late ? 5.1 : 4.8, p.normal, late ? p.late : p['map-ground'], late ? 1.8 : 1.2),
  urgent(g, p, late) {
    g.beginPath()
    g.moveTo(0, -7.5)
    g.lineTo(7.6, 5.6)
    g.lineTo(-7.6, 5.6)
    g.closePath()
    g.lineJoin = 'round'
    g.lineWidth = late ? 4 : 3
    g.strokeStyle = late ? p.late : p['map-ground']
    g.stroke()
    g.fillStyle = p.urgent
    g.fill()
  },
  critical(g, p, late) {
    disc(g, 9, p.critical, p['map-ground'], 1.5)
    if (late) ring(g, 11.5, p.late)
    g.fillStyle = p['critical-on']
    g.beginPath()
    g.roundRect(-1.25, -5.5, 2.5, 7, 1)
    g.roundRect(-1.4, 3, 2.8, 2.8, 1.4)
    g.fill()
  },
}

function disc(g: Pen, r: number, fill: string, edge: string, width: number): void {
  g.beginPath()
  g.arc(0, 0, r, 0, 2 * Math.PI)
  g.fillStyle = fill
  g.fill()
  g.lineWidth = width
  g.strokeStyle = edge
  g.stroke()
}

function ring(g: Pen, r: number, color: string): void {
  g.beginPath()
  g.arc(0, 0, r, 0, 2 * Math.PI)
  g.lineWidth = 1.5
  g.strokeStyle = color
  g.stroke()
}
