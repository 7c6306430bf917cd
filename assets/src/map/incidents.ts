import { Marker, type Map as MapLibre } from 'maplibre-gl'
import { lightOf } from '../cases/lights'
import type { CaseChange } from '../cases/store'
import type { Case, Priority } from '../cases/types'
import { Markers, drawOrder, type Look } from './markers'

const pulseLimit = 20
/** One beat; as in TownMap.vue. All beat together, in steps: each step is a picture, and a ring alone would ask for 60 a second. */
const pulseMs = 2_000
/**
 * A change is drawn in the next frame, but so long after the last picture. Each is a new picture of the whole map for whoever
 * puts the page together; in a storm, which is so many changes since the last one, it waits longer and the page stays smooth.
 */
const pictureMs = 200
const stormMs = 800
const stormChanges = 20

export interface Cases {
  readonly files: ReadonlyMap<number, Case>
  isFresh(state: string): boolean
  onChange(watcher: (change: CaseChange) => void): () => void
}

/** A case on the map. */
interface Spot {
  file: Case
  late: boolean
}

/** A marker on the canvas; px of the map. */
export interface Drawn {
  id: number
  x: number
  y: number
}

/**
 * The cases, on a canvas of their own over the map: a case that comes, moves or turns red costs no new picture of the town.
 * When the map moves, both are drawn in the same frame. Markers that pulse are elements, at most 20: unacknowledged criticals
 * only.
 */
export class Incidents {
  /** What the last picture shows, topmost last. */
  drawn: readonly Drawn[] = []
  readonly canvas = document.createElement('canvas')

  readonly #map: MapLibre
  readonly #cases: Cases
  readonly #serverNow: () => number
  readonly #pen = this.canvas.getContext('2d')
  readonly #spots: Record<Priority, Map<number, Spot>> = { advice: new Map(), normal: new Map(), urgent: new Map(), critical: new Map() }
  readonly #pulses = new Map<number, Marker>()
  readonly #stops: (() => void)[] = []
  #look: Look
  #markers: Markers
  #timer: ReturnType<typeof setTimeout> | undefined
  #frame = 0
  #paintedAt = 0
  #changes = 0 // since then

  constructor(map: MapLibre, cases: Cases, serverNow: () => number, look: Look) {
    this.#map = map
    this.#cases = cases
    this.#serverNow = serverNow
    this.#look = look
    this.#markers = new Markers(look, map.getZoom())
    this.canvas.className = 'incidents'
    map.getCanvas().after(this.canvas)
    const paint = () => this.#paint()
    map.on('render', paint)
    const ticking = setInterval(() => this.#turnLights(), 1_000)
    this.#stops.push(cases.onChange((change) => this.#changed(change)), () => map.off('render', paint), () => clearInterval(ticking))
    this.#changed({ kind: 'all' })
  }

  close(): void {
    for (const stop of this.#stops) stop()
    clearTimeout(this.#timer)
    cancelAnimationFrame(this.#frame)
    for (const marker of this.#pulses.values()) marker.remove()
    this.canvas.remove()
  }

  /** Draws with other colours, or for another size of the page. */
  repaint(look: Look): void {
    this.#look = look
    this.#markers = new Markers(look, this.#map.getZoom())
    this.#draw()
  }

  /** The topmost case within reach px of a point of the map. */
  at({ x, y }: { x: number; y: number }, reach: number): number | undefined {
    const near = reach + 6 * this.#look.scale
    return this.drawn.findLast((marker) => Math.hypot(marker.x - x, marker.y - y) <= near)?.id
  }

  #changed(change: CaseChange): void {
    this.#changes += 1
    if (change.kind === 'all') {
      for (const priority of drawOrder) this.#spots[priority].clear()
      for (const file of this.#cases.files.values()) this.#put(file)
    } else {
      for (const priority of drawOrder) this.#spots[priority].delete(change.id)
      const file = this.#cases.files.get(change.id)
      if (file !== undefined) this.#put(file)
    }
    this.#draw()
  }

  #put(file: Case): void {
    this.#spots[file.priority].set(file.id, { file, late: this.#isLate(file) })
  }

  #isLate(file: Case): boolean {
    return lightOf(file, this.#serverNow()) === 'red'
  }

  /** A light that turns red is drawn at its moment: no message comes for it. */
  #turnLights(): void {
    let turned = false
    for (const priority of drawOrder) {
      for (const spot of this.#spots[priority].values()) {
        const late = this.#isLate(spot.file)
        turned ||= late !== spot.late
        spot.late = late
      }
    }
    if (turned) this.#draw()
  }

  #draw(): void {
    const wait = () => this.#paintedAt + (this.#changes > stormChanges ? stormMs : pictureMs) - performance.now()
    const due = () => {
      const left = wait()
      if (left > 0) this.#timer = setTimeout(due, left)
      else this.#frame = requestAnimationFrame(() => this.#paint())
    }
    this.#timer ??= setTimeout(due, Math.max(0, wait()))
  }

  #paint(): void {
    clearTimeout(this.#timer)
    cancelAnimationFrame(this.#frame)
    this.#timer = undefined
    this.#paintedAt = performance.now()
    this.#changes = 0
    const { clientWidth: w, clientHeight: h } = this.#map.getContainer()
    const { density } = this.#look
    this.#size(w, h, density)
    if (this.#pen === null) return
    const zoom = this.#map.getZoom()
    if (this.#markers.zoom !== zoom) this.#markers = new Markers(this.#look, zoom)
    this.#pen.clearRect(0, 0, this.canvas.width, this.canvas.height)
    const drawn: Drawn[] = []
    for (const priority of drawOrder) {
      for (const [id, { file, late }] of this.#spots[priority]) {
        const { x, y } = this.#map.project([file.location.lon, file.location.lat])
        if (x < -edge || y < -edge || x > w + edge || y > h + edge) continue
        const { image, side } = this.#markers.sprite(priority, late)
        this.#pen.drawImage(image, Math.round(x * density - side / 2), Math.round(y * density - side / 2))
        drawn.push({ id, x, y })
      }
    }
    this.drawn = drawn
    this.#pulse()
  }

  #size(w: number, h: number, density: number): void {
    const [width, height] = [Math.round(w * density), Math.round(h * density)]
    if (this.canvas.width === width && this.canvas.height === height) return
    this.canvas.width = width
    this.canvas.height = height
  }

  #pulse(): void {
    const newest = [...this.#spots.critical.values()]
      .filter(({ file }) => this.#cases.isFresh(file.state))
      .sort((a, b) => b.file.id - a.file.id)
      .slice(0, pulseLimit)
    const wanted = new Map(newest.map(({ file }) => [file.id, file]))
    for (const [id, marker] of this.#pulses) {
      if (wanted.has(id)) continue
      marker.remove()
      this.#pulses.delete(id)
    }
    for (const [id, file] of wanted) {
      if (this.#pulses.has(id)) continue
      const element = document.createElement('div')
      element.className = 'pulse'
      const ring = document.createElement('i')
      ring.style.animationDelay = `-${performance.now() % pulseMs}ms`
      element.append(ring)
      this.#pulses.set(id, new Marker({ element }).setLngLat([file.location.lon, file.location.lat]).addTo(this.#map))
    }
  }
}

/** How far beyond the map's edge a marker can reach into it, px. */
const edge = 40
