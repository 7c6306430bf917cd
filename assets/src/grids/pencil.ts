import type { Map as MapLibre } from 'maplibre-gl'
import { TerraDraw, TerraDrawLineStringMode, TerraDrawSelectMode, TerraDrawPolygonMode, type HexColor } from 'terra-draw'
import { TerraDrawMapLibreGLAdapter } from 'terra-draw-maplibre-gl-adapter'
import { token } from '../design/theme'
import type { Corner, Mesh } from './mesh'

interface Hooks {
  /** A gesture has ended; the mesh has it. */
  changed(): void
  /** A line was drawn from border to border. */
  cut(line: GeoJSON.LineString): void
  /** Another cell was taken in hand. */
  picked(code: string): void
}

const colour = (name: string): HexColor => token(name) as HexColor

/** Terra Draw over the town: it shows the cells and moves corners, the mesh says what else moves with them. */
export class Pencil {
  readonly #draw: TerraDraw
  readonly #mesh: Mesh
  readonly #shown: string[]
  /** The tool's own id of each polygon of each cell. */
  readonly #ids = new Map<string, string[]>()
  #held: string | null = null
  #quiet = false

  /** Cells that are proposed stand out from those that are there. */
  constructor(map: MapLibre, mesh: Mesh, shown: string[], proposed: Set<string>, hooks: Hooks) {
    this.#mesh = mesh
    const line = { outlineWidth: 2, outlineColor: colour('map-select') }
    this.#draw = new TerraDraw({
      adapter: new TerraDrawMapLibreGLAdapter({ map, coordinatePrecision: 9 }),
      idStrategy: { isValidId: (id) => typeof id === 'string', getId: () => crypto.randomUUID() },
      modes: [
        new TerraDrawSelectMode({
          flags: { polygon: { feature: { draggable: false, selfIntersectable: true, coordinates: { draggable: true, midpoints: { draggable: true }, deletable: true } } } },
          keyEvents: null,
          allowManualDeselection: false,
          styles: {
            selectedPolygonColor: colour('map-select'),
            selectedPolygonFillOpacity: 0.12,
            selectedPolygonOutlineColor: line.outlineColor,
            selectedPolygonOutlineWidth: 3,
            selectionPointColor: colour('map-select'),
            selectionPointWidth: 5,
            selectionPointOutlineColor: colour('bg-0'),
            selectionPointOutlineWidth: 2,
            midPointColor: colour('bg-0'),
            midPointWidth: 4,
            midPointOutlineColor: colour('map-select'),
            midPointOutlineWidth: 1,
          },
        }),
        new TerraDrawPolygonMode({ styles: { fillColor: colour('map-grid-line'), fillOpacity: 0.05, outlineColor: ({ properties }) => (proposed.has(String(properties['code'])) ? line.outlineColor : colour('map-grid-line')), outlineWidth: 2 } }),
        new TerraDrawLineStringMode({ styles: { lineStringColor: colour('urgent'), lineStringWidth: 3 } }),
      ],
    })
    this.#draw.start()
    this.#shown = shown
    this.#add()
    this.#draw.setMode('select')
    this.#draw.on('change', (ids, type, context) => {
      if (!this.#quiet && type === 'update' && !(context !== undefined && 'origin' in context && context.origin === 'api')) for (const id of ids) this.#follow(String(id))
    })
    this.#draw.on('finish', (id) => {
      const feature = this.#draw.getSnapshotFeature(id)
      if (feature?.geometry.type === 'LineString') {
        hooks.cut({ type: 'LineString', coordinates: feature.geometry.coordinates })
        this.#draw.removeFeatures([id])
        this.move()
        return
      }
      mesh.commit()
      hooks.changed()
    })
    this.#draw.on('select', (id) => {
      const code = this.#draw.getSnapshotFeature(id)?.properties['code']
      if (typeof code !== 'string') return
      this.#held = code
      hooks.picked(code)
    })
  }

  #add(): void {
    this.#ids.clear()
    const features = this.#shown.flatMap((code) =>
      this.#mesh.rings(code).map((ring, part) => {
        const id = crypto.randomUUID()
        this.#ids.set(code, [...(this.#ids.get(code) ?? []), id])
        return { id, type: 'Feature' as const, properties: { mode: 'polygon', code, part }, geometry: { type: 'Polygon' as const, coordinates: [ring] } }
      }),
    )
    for (const { valid, reason } of this.#draw.addFeatures(features)) {
      if (!valid) console.error(`grids: a border cannot be drawn: ${reason}`)
    }
  }

  #follow(id: string): void {
    const feature = this.#draw.getSnapshotFeature(id)
    const { code, part } = feature?.properties ?? {}
    if (feature?.geometry.type !== 'Polygon' || typeof code !== 'string' || typeof part !== 'number') return
    const ring = (feature.geometry.coordinates[0] ?? []) as Corner[]
    for (const touched of this.#mesh.follow(code, part, ring)) if (touched !== code) this.#show(touched)
  }

  #show(code: string): void {
    const rings = this.#mesh.rings(code)
    this.#ids.get(code)?.forEach((id, part) => {
      this.#draw.updateFeatureGeometry(id, { type: 'Polygon', coordinates: [rings[part] ?? []] })
    })
  }

  /** Takes a cell in hand: its corners can be moved. */
  hold(code: string): void {
    this.#held = code
    const [id] = this.#ids.get(code) ?? []
    if (id !== undefined) this.#draw.selectFeature(id)
  }

  /** Draws everything again, after a step back. */
  redraw(): void {
    this.#quiet = true // letting go of a cell tells of its old outline once more
    this.#draw.setMode('select')
    this.#draw.clear()
    this.#add()
    this.#quiet = false
    if (this.#held !== null) this.hold(this.#held)
  }

  /** The next line is a cut. */
  cut(): void {
    this.#draw.setMode('linestring')
  }

  move(): void {
    this.#draw.setMode('select')
    if (this.#held !== null) this.hold(this.#held)
  }

  close(): void {
    this.#draw.stop()
  }
}
