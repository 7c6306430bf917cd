import type { Feature, Point } from 'geojson'
import { Marker, type GeoJSONSource, type Map as MapLibre } from 'maplibre-gl'
import { lightOf } from '../cases/lights'
import type { CaseChange } from '../cases/store'
import type { Case } from '../cases/types'

/**
 * The first change is drawn at once, what follows within this time in one batch: updateData has no back-pressure of its own.
 */
const batchMs = 250
/** The hot source stays small; beyond this it is folded into the cold one. */
const hotLimit = 200
const pulseLimit = 20

export interface Cases {
  readonly files: ReadonlyMap<number, Case>
  isFresh(state: string): boolean
  onChange(watcher: (change: CaseChange) => void): () => void
}

type CaseFeature = Feature<Point, { priority: string; late: boolean }>

/**
 * The cases on the map. A whole list goes to the cold source; what changes after that moves to the small hot source, and its
 * cold twin is hidden by feature-state. Markers that pulse are elements, at most 20: unacknowledged criticals only.
 */
export class Incidents {
  readonly #map: MapLibre
  readonly #cases: Cases
  readonly #serverNow: () => number
  readonly #cold = new Set<number>()
  readonly #hot = new Set<number>()
  readonly #late = new Map<number, boolean>()
  readonly #pending = new Set<number>()
  readonly #pulses = new Map<number, Marker>()
  readonly #stop: () => void
  readonly #ticking: ReturnType<typeof setInterval>
  #timer: ReturnType<typeof setTimeout> | undefined
  #drawing = false
  #drawnAt = 0

  constructor(map: MapLibre, cases: Cases, serverNow: () => number) {
    this.#map = map
    this.#cases = cases
    this.#serverNow = serverNow
    this.#stop = cases.onChange((change) => this.#changed(change))
    this.#ticking = setInterval(() => this.#turnLights(), 1_000)
    this.#all()
  }

  close(): void {
    this.#stop()
    clearTimeout(this.#timer)
    clearInterval(this.#ticking)
    for (const marker of this.#pulses.values()) marker.remove()
  }

  #changed(change: CaseChange): void {
    if (change.kind === 'all') {
      this.#all()
      return
    }
    this.#pending.add(change.id)
    this.#schedule()
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      void this.#draw()
    }, Math.max(0, this.#drawnAt + batchMs - Date.now()))
  }

  #all(): void {
    const features: CaseFeature[] = []
    this.#cold.clear()
    this.#hot.clear()
    this.#pending.clear()
    this.#late.clear()
    for (const file of this.#cases.files.values()) {
      features.push(this.#feature(file))
      this.#cold.add(file.id)
    }
    this.#map.removeFeatureState({ source: 'cases' })
    void this.#source('cases')?.setData({ type: 'FeatureCollection', features })
    void this.#source('cases-hot')?.setData({ type: 'FeatureCollection', features: [] })
    this.#pulse()
  }

  async #draw(): Promise<void> {
    if (this.#drawing) {
      this.#drawnAt = Date.now() // the batch under way is slow: wait another while
      this.#schedule()
      return
    }
    if (this.#hot.size + this.#pending.size > hotLimit) {
      this.#all()
      return
    }
    const add: CaseFeature[] = []
    const remove: number[] = []
    for (const id of this.#pending) {
      if (this.#cold.has(id)) this.#map.setFeatureState({ source: 'cases', id }, { gone: true })
      const file = this.#cases.files.get(id)
      if (file !== undefined) {
        add.push(this.#feature(file))
        this.#hot.add(id)
      } else if (this.#hot.delete(id)) {
        remove.push(id)
      }
    }
    this.#pending.clear()
    this.#pulse()
    this.#drawing = true
    this.#drawnAt = Date.now()
    try {
      await this.#source('cases-hot')?.updateData({ add, remove })
    } finally {
      this.#drawing = false
    }
  }

  /** A light that turns red is drawn at its moment: no message comes for it. */
  #turnLights(): void {
    const at = this.#serverNow()
    for (const file of this.#cases.files.values()) {
      if (this.#late.get(file.id) !== (lightOf(file, at) === 'red')) this.#pending.add(file.id)
    }
    if (this.#pending.size > 0) this.#schedule()
  }

  #feature(file: Case): CaseFeature {
    const late = lightOf(file, this.#serverNow()) === 'red'
    this.#late.set(file.id, late)
    return {
      type: 'Feature',
      id: file.id,
      geometry: { type: 'Point', coordinates: [file.location.lon, file.location.lat] },
      properties: { priority: file.priority, late },
    }
  }

  #pulse(): void {
    const wanted = new Map<number, Case>()
    for (const file of this.#cases.files.values()) {
      if (file.priority === 'critical' && this.#cases.isFresh(file.state)) wanted.set(file.id, file)
    }
    const newest = [...wanted.keys()].sort((a, b) => b - a).slice(0, pulseLimit)
    for (const [id, marker] of this.#pulses) {
      if (newest.includes(id)) continue
      marker.remove()
      this.#pulses.delete(id)
    }
    for (const id of newest) {
      const file = wanted.get(id)
      if (file === undefined || this.#pulses.has(id)) continue
      const element = document.createElement('div')
      element.className = 'pulse'
      element.append(document.createElement('i'))
      this.#pulses.set(id, new Marker({ element }).setLngLat([file.location.lon, file.location.lat]).addTo(this.#map))
    }
  }

  #source(id: string): GeoJSONSource | undefined {
    return this.#map.getSource<GeoJSONSource>(id)
  }
}
