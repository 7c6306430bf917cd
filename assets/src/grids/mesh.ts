/** lon, lat in degrees. */
export type Corner = [number, number]
/** Polygons of rings of corners; the last corner of a ring is not the first again. */
export type Outline = Corner[][][]

export interface Drawn {
  code: string
  geometry: GeoJSON.Polygon | GeoJSON.MultiPolygon
}

/** A tenth of a millimetre: what is nearer is the same corner. Drawing tools keep no more. */
const digits = 9
const keyOf = ([lon, lat]: Corner): string => `${lon.toFixed(digits)},${lat.toFixed(digits)}`

/**
 * Cells whose borders are one: a corner that several have moves, comes and goes in all of them. Untouched corners keep
 * every digit they came with, so that a border which nobody moved stays the very same.
 */
export class Mesh {
  #outlines = new Map<string, Outline>()
  readonly #first: Map<string, Outline>
  readonly #exact = new Map<string, Corner>()
  #undo: Map<string, Outline>[] = []
  #redo: Map<string, Outline>[] = []
  #committed: Map<string, Outline>

  constructor(cells: Drawn[]) {
    for (const { code, geometry } of cells) {
      const polygons = geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates
      this.#outlines.set(
        code,
        polygons.map((rings) =>
          rings.map((ring) => ring.slice(0, -1).map(([lon = 0, lat = 0]) => this.#take([lon, lat]))),
        ),
      )
    }
    this.#first = this.#committed = copy(this.#outlines)
  }

  #take(exact: Corner): Corner {
    const key = keyOf(exact)
    if (!this.#exact.has(key)) this.#exact.set(key, exact)
    return rounded(exact)
  }

  codes(): string[] {
    return [...this.#outlines.keys()]
  }

  /** The outer ring of each polygon, closed, as a drawing tool wants it. */
  rings(code: string): Corner[][] {
    return (this.#outlines.get(code) ?? []).map((polygon) => close(polygon[0] ?? []))
  }

  /** Takes over what was done to an outer ring; gives the codes whose outlines are others now. */
  follow(code: string, polygon: number, drawn: Corner[]): string[] {
    const ring = this.#outlines.get(code)?.[polygon]?.[0]
    if (ring === undefined) return []
    const next = drawn.slice(0, -1).map(rounded)
    if (next.length > ring.length) return this.#insert(ring, next)
    if (next.length < ring.length) return this.#remove(ring, next)
    const at = ring.findIndex((corner, n) => keyOf(corner) !== keyOf(next[n] ?? corner))
    const to = next[at]
    const from = ring[at]
    return to === undefined || from === undefined ? [] : this.#move(keyOf(from), to)
  }

  #move(from: string, to: Corner): string[] {
    return this.#each((ring) => {
      let moved = false
      ring.forEach((corner, n) => {
        if (keyOf(corner) !== from) return
        ring[n] = to
        moved = true
      })
      return moved
    })
  }

  #insert(ring: Corner[], next: Corner[]): string[] {
    const at = next.findIndex((corner, n) => ring[n] === undefined || keyOf(corner) !== keyOf(ring[n]))
    const fresh = next[at]
    const before = ring[(at - 1 + ring.length) % ring.length]
    const after = ring[at % ring.length]
    if (fresh === undefined || before === undefined || after === undefined) return []
    const [a, b] = [keyOf(before), keyOf(after)]
    return this.#each((other) => {
      for (let n = 0; n < other.length; n++) {
        const [here, there] = [other[n], other[(n + 1) % other.length]]
        if (here === undefined || there === undefined) continue
        const [p, q] = [keyOf(here), keyOf(there)]
        if ((p === a && q === b) || (p === b && q === a)) {
          other.splice(n + 1, 0, fresh)
          return true
        }
      }
      return false
    })
  }

  #remove(ring: Corner[], next: Corner[]): string[] {
    const left = new Set(next.map(keyOf))
    const gone = ring.map(keyOf).find((key) => !left.has(key))
    if (gone === undefined) return []
    return this.#each((other) => {
      const at = other.findIndex((corner) => keyOf(corner) === gone)
      if (at < 0 || other.length <= 3) return false
      other.splice(at, 1)
      return true
    })
  }

  /** Changes rings in place; gives the codes of those that `act` says it changed. */
  #each(act: (ring: Corner[]) => boolean): string[] {
    const touched: string[] = []
    for (const [code, outline] of this.#outlines) {
      let any = false
      for (const polygon of outline) for (const ring of polygon) any = act(ring) || any
      if (any) touched.push(code)
    }
    return touched
  }

  /** Ends a gesture: from here one step is undone at a time. */
  commit(): void {
    if (same(this.#committed, this.#outlines)) return
    this.#undo.push(this.#committed)
    this.#redo = []
    this.#committed = copy(this.#outlines)
  }

  get canUndo(): boolean {
    return this.#undo.length > 0
  }

  get canRedo(): boolean {
    return this.#redo.length > 0
  }

  undo(): void {
    this.#step(this.#undo, this.#redo)
  }

  redo(): void {
    this.#step(this.#redo, this.#undo)
  }

  #step(from: Map<string, Outline>[], to: Map<string, Outline>[]): void {
    const state = from.pop()
    if (state === undefined) return
    to.push(this.#committed)
    this.#committed = state
    this.#outlines = copy(state)
  }

  /** The cells that are not as they came, with every digit of what nobody moved. */
  changed(): Drawn[] {
    return this.codes().filter((code) => !sameOutline(this.#outlines.get(code) ?? [], this.#first.get(code) ?? [])).map((code) => this.drawn(code))
  }

  /** A cell as it is now, with every digit of what nobody moved. */
  drawn(code: string): Drawn {
    const exact = (ring: Corner[]) => close(ring.map((corner) => this.#exact.get(keyOf(corner)) ?? corner))
    return { code, geometry: { type: 'MultiPolygon', coordinates: (this.#outlines.get(code) ?? []).map((polygon) => polygon.map(exact)) } }
  }

  /** Cells that share a corner with this one. */
  neighbours(code: string): string[] {
    const mine = new Set((this.#outlines.get(code) ?? []).flat(2).map(keyOf))
    return this.codes().filter((other) => other !== code && (this.#outlines.get(other) ?? []).flat(2).some((corner) => mine.has(keyOf(corner))))
  }
}

const rounded = ([lon, lat]: Corner): Corner => [Number(lon.toFixed(digits)), Number(lat.toFixed(digits))]
const close = (ring: Corner[]): Corner[] => (ring[0] === undefined ? [] : [...ring, ring[0]])
const copy = (of: Map<string, Outline>): Map<string, Outline> =>
  new Map([...of].map(([code, outline]) => [code, outline.map((polygon) => polygon.map((ring) => [...ring]))]))
const sameOutline = (a: Outline, b: Outline): boolean => JSON.stringify(a) === JSON.stringify(b)
const same = (a: Map<string, Outline>, b: Map<string, Outline>): boolean =>
  [...a].every(([code, outline]) => sameOutline(outline, b.get(code) ?? []))
