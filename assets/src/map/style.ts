import type {
  DataDrivenPropertyValueSpecification,
  ExpressionSpecification,
  FilterSpecification,
  LayerSpecification,
  SourceSpecification,
  StyleSpecification,
} from 'maplibre-gl'
import type { Palette } from './palette'
import { shiftZooms } from './zoom'

/** Local families: nothing is fetched, Chinese is drawn by the system's own font. */
const font = ['Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', 'sans-serif']

export const tileLayers = ['backdrop', 'grids', 'buildings', 'cameras'] as const
export type TileLayer = (typeof tileLayers)[number]

export interface StyleInput {
  palette: Palette
  /** 1 on 1920×1080, 2 on 4K: widths and text grow with the page. */
  scale: number
  origin: string
  /** What this site serves; a site without a backdrop has its grids on plain ground. */
  layers: readonly string[]
  revision: Readonly<Record<string, number>>
  /** Pictures from our own server in the place of the backdrop. */
  basemap: { minzoom: number; maxzoom: number; tile_size: number } | null
  dark: boolean
}

/** Layers of cameras, which answer to a click, topmost first. */
export const cameraLayers = ['camera-icon', 'camera-dark', 'camera-dot']

export function tileUrl(layer: TileLayer, { origin, revision }: Pick<StyleInput, 'origin' | 'revision'>): string {
  const changed = revision[layer]
  return `${origin}/tiles/${layer}/{z}/{x}/{y}.mvt${changed === undefined ? '' : `?r=${changed}`}`
}

export function buildStyle(input: StyleInput): StyleSpecification {
  const sources: Record<string, SourceSpecification> = {
    sight: { type: 'geojson', data: { type: 'FeatureCollection', features: [] } },
    coverage: { type: 'geojson', data: { type: 'FeatureCollection', features: [] } },
  }
  for (const layer of tileLayers) {
    if (!input.layers.includes(layer) || (layer === 'backdrop' && input.basemap !== null)) continue
    sources[layer] = { type: 'vector', tiles: [tileUrl(layer, input)], minzoom: 8, maxzoom: 17, ...own[layer] }
  }
  if (input.basemap !== null) {
    const { minzoom, maxzoom, tile_size: tileSize } = input.basemap
    sources['basemap'] = { type: 'raster', tiles: [`${input.origin}/basemap/{z}/{x}/{y}`], tileSize, minzoom, maxzoom }
  }
  // A small screen sees the ground from further off, but its tiles hold no more for that: nothing is moved down.
  const shift = Math.max(0, Math.log2(input.scale))
  const layers = [
    ...ground(input),
    ...tint(input),
    ...water(input),
    ...roads(input),
    ...buildings(input),
    ...borders(input),
    ...sight(input),
    ...coverage(input),
    ...labels(input),
    ...cameras(input),
  ]
    .filter((layer) => !('source' in layer) || (layer.source as string) in sources)
    .map((layer) => shiftZooms(layer, shift))
  return { version: 8, sources, layers }
}

// Feature-state is keyed by what the rest of the page calls a thing, not by the tile's integer.
const own: Record<TileLayer, { promoteId?: Record<string, string> }> = {
  backdrop: {},
  grids: { promoteId: { grids: 'code', grid_labels: 'code' } },
  buildings: { promoteId: { buildings: 'id' } },
  cameras: { promoteId: { cameras: 'id' } },
}

function ground({ palette: p, dark }: StyleInput): LayerSpecification[] {
  const fill = (id: string, sourceLayer: string, color: DataDrivenPropertyValueSpecification<string>): LayerSpecification => ({
    id,
    type: 'fill',
    source: 'backdrop',
    'source-layer': sourceLayer,
    paint: { 'fill-color': color },
  })
  return [
    { id: 'ground', type: 'background', paint: { 'background-color': p['map-ground'] } },
    // Pictures are made for paper: at night they are dimmed, so that cases and grids stand out.
    { id: 'basemap', type: 'raster', source: 'basemap', paint: { 'raster-fade-duration': 0, 'raster-saturation': -0.5, 'raster-brightness-max': dark ? 0.45 : 1, 'raster-contrast': dark ? -0.1 : 0 } },
    fill('land', 'land', p['map-land']),
    fill('block', 'block', ['match', ['get', 'kind'], ['commercial', 'market', 'industrial'], p['map-block-warm'], p['map-block']]),
    fill('green', 'green', p['map-green']),
  ]
}

/** Over the tint: a river belongs to no load. */
function water({ palette: p, scale }: StyleInput): LayerSpecification[] {
  return [
    { id: 'water', type: 'fill', source: 'backdrop', 'source-layer': 'water', paint: { 'fill-color': p['map-water'] } },
    {
      id: 'water-shore',
      type: 'line',
      source: 'backdrop',
      'source-layer': 'water',
      paint: { 'line-color': p['map-road'], 'line-width': scale },
    },
  ]
}

const state = (name: string, otherwise: number | boolean): ExpressionSpecification => [
  'coalesce',
  ['feature-state', name],
  otherwise,
]

function ofLevel(level: string): FilterSpecification {
  return ['==', ['get', 'level'], level]
}

function tint({ palette: p }: StyleInput): LayerSpecification[] {
  return [
    {
      id: 'grid-tint',
      type: 'fill',
      source: 'grids',
      'source-layer': 'grids',
      filter: ofLevel('grid'),
      paint: {
        'fill-color': [
          'interpolate', ['linear'], state('load', 0),
          0, p['load-0'], 0.25, p['load-1'], 0.5, p['load-2'], 0.75, p['load-3'], 1, p['load-4'],
        ],
        // Low load is nearly invisible: the ground shows through, and buildings read at street level.
        'fill-opacity': [
          'interpolate', ['linear'], ['zoom'],
          14, ['interpolate', ['linear'], state('load', 0), 0, 0.42, 0.5, 0.72, 1, 0.86],
          17, ['interpolate', ['linear'], state('load', 0), 0, 0.18, 1, 0.4],
        ],
      },
    },
  ]
}

const roadWidths = { arterial: 5.2, collector: 3.2, local: 1.8, lane: 0.9 }

function roads({ palette: p, scale }: StyleInput): LayerSpecification[] {
  const width = (extra: number): ExpressionSpecification => {
    const byClass = (factor: number): ExpressionSpecification => [
      'match', ['get', 'class'],
      'arterial', (roadWidths.arterial * factor + extra) * scale,
      'collector', (roadWidths.collector * factor + extra) * scale,
      'local', (roadWidths.local * factor + extra) * scale,
      (roadWidths.lane * factor + extra) * scale,
    ]
    return ['interpolate', ['exponential', 1.6], ['zoom'], 11, byClass(0.25), 14, byClass(0.8), 16, byClass(2), 18, byClass(6)]
  }
  const road = (id: string, filter: FilterSpecification, color: string, extra: number, minzoom = 0): LayerSpecification => ({
    id,
    type: 'line',
    source: 'backdrop',
    'source-layer': 'road',
    filter,
    minzoom,
    layout: { 'line-cap': 'round', 'line-join': 'round' },
    paint: { 'line-color': color, 'line-width': width(extra) },
  })
  const minor: FilterSpecification = ['match', ['get', 'class'], ['local', 'lane'], true, false]
  const major: FilterSpecification = ['match', ['get', 'class'], ['arterial', 'collector'], true, false]
  return [
    road('road-minor-casing', minor, p['map-road-casing'], 1.2, 14.5),
    road('road-minor', minor, p['map-road'], 0, 12.5),
    road('road-major-casing', major, p['map-road-casing'], 1.6),
    road('road-major', major, p['map-road-main'], 0),
  ]
}

function buildings({ palette: p, scale }: StyleInput): LayerSpecification[] {
  return [
    {
      id: 'building-dot',
      type: 'circle',
      source: 'buildings',
      'source-layer': 'buildings',
      filter: ['==', ['geometry-type'], 'Point'],
      minzoom: 13,
      paint: {
        'circle-radius': ['interpolate', ['linear'], ['zoom'], 13, 0.7 * scale, 15, 1.6 * scale, 18, 4 * scale],
        'circle-color': p['map-building-line'],
        'circle-opacity': 0.9,
      },
    },
    {
      id: 'building',
      type: 'fill',
      source: 'buildings',
      'source-layer': 'buildings',
      filter: ['!=', ['geometry-type'], 'Point'],
      paint: { 'fill-color': p['map-building'], 'fill-outline-color': p['map-building-line'] },
    },
  ]
}

function borders({ palette: p, scale }: StyleInput): LayerSpecification[] {
  const border = (id: string, level: string, color: string, width: number, opacity: number): LayerSpecification => ({
    id,
    type: 'line',
    source: 'grids',
    'source-layer': 'grids',
    filter: ofLevel(level),
    layout: { 'line-join': 'round' },
    paint: { 'line-color': color, 'line-width': width * scale, 'line-opacity': opacity },
  })
  const marked = (id: string, name: string, color: string): LayerSpecification => ({
    id,
    type: 'line',
    source: 'grids',
    'source-layer': 'grids',
    filter: ofLevel('grid'),
    layout: { 'line-join': 'round' },
    paint: { 'line-color': color, 'line-width': 2 * scale, 'line-opacity': ['case', state(name, false), 1, 0] },
  })
  return [
    border('grid-border', 'grid', p['map-grid-line'], 0.75, 0.75),
    border('community-border', 'community', p['map-community-line'], 1.4, 0.65),
    border('street-border', 'street', p['map-community-line'], 1.8, 0.7),
    marked('grid-over', 'over', p.late),
    marked('grid-selected', 'selected', p['map-select']),
  ]
}

/** 永来社区第四网格 as 第四网格: the community's name stands beside it on the map. */
const shortName: ExpressionSpecification = [
  'case',
  ['>', ['index-of', '社区第', ['get', 'name']], 0],
  ['slice', ['get', 'name'], ['+', ['index-of', '社区第', ['get', 'name']], 2]],
  ['get', 'name'],
]

function labels({ palette: p, scale }: StyleInput): LayerSpecification[] {
  const halo = { 'text-halo-color': p['map-halo'], 'text-halo-width': 1.3 * scale }
  return [
    {
      id: 'road-name',
      type: 'symbol',
      source: 'backdrop',
      'source-layer': 'road',
      minzoom: 14,
      // Main streets first; the small ones get their names when there is room for them.
      filter: [
        'step', ['zoom'],
        ['all', ['has', 'name'], ['==', ['get', 'class'], 'arterial']],
        14.6, ['all', ['has', 'name'], ['match', ['get', 'class'], ['arterial', 'collector'], true, false]],
        15.4, ['all', ['has', 'name'], ['!=', ['get', 'class'], 'lane']],
      ],
      layout: {
        'symbol-placement': 'line',
        'symbol-spacing': 420 * scale,
        'text-field': ['get', 'name'],
        'text-font': font,
        'text-size': 11 * scale,
        'text-letter-spacing': 0.12,
        'text-padding': 6 * scale,
      },
      paint: { 'text-color': p['map-road-text'], ...halo },
    },
    {
      id: 'water-name',
      type: 'symbol',
      source: 'backdrop',
      'source-layer': 'place',
      filter: ['==', ['get', 'kind'], 'water'],
      layout: { 'text-field': ['get', 'name'], 'text-font': font, 'text-size': 13 * scale, 'text-letter-spacing': 0.4 },
      paint: { 'text-color': p['map-water-text'], 'text-halo-color': p['map-water'], 'text-halo-width': scale },
    },
    {
      id: 'place-name',
      type: 'symbol',
      source: 'backdrop',
      'source-layer': 'place',
      minzoom: 14.2,
      filter: ['!=', ['get', 'kind'], 'water'],
      layout: { 'text-field': ['get', 'name'], 'text-font': font, 'text-size': 11 * scale, 'text-padding': 4 * scale },
      paint: { 'text-color': p['map-label-soft'], ...halo },
    },
    {
      id: 'building-name',
      type: 'symbol',
      source: 'buildings',
      'source-layer': 'buildings',
      minzoom: 16.5,
      layout: { 'text-field': ['get', 'name'], 'text-font': font, 'text-size': 10 * scale, 'text-max-width': 7 },
      paint: { 'text-color': p['map-label-soft'], ...halo },
    },
    {
      id: 'grid-name',
      type: 'symbol',
      source: 'grids',
      'source-layer': 'grid_labels',
      minzoom: 13.2,
      filter: ofLevel('grid'),
      layout: {
        'text-field': shortName,
        'text-font': font,
        'text-size': ['interpolate', ['linear'], ['zoom'], 13, 10 * scale, 16, 13 * scale],
        'text-padding': 3 * scale,
      },
      paint: { 'text-color': p['map-label-soft'], ...halo },
    },
    {
      id: 'community-name',
      type: 'symbol',
      source: 'grids',
      'source-layer': 'grid_labels',
      maxzoom: 16,
      filter: ofLevel('community'),
      layout: {
        'text-field': ['get', 'name'],
        'text-font': font,
        'text-size': ['interpolate', ['linear'], ['zoom'], 11, 11 * scale, 15, 17 * scale],
        'text-letter-spacing': 0.28,
        'text-padding': 8 * scale,
      },
      paint: { 'text-color': p['map-label'], ...halo, 'text-halo-width': 1.8 * scale },
    },
  ]
}

/** What cameras see: the chosen one's view, the ground that none sees, and what one more would see. Rings lie side by side: no seams. */
function sight({ palette: p, scale }: StyleInput): LayerSpecification[] {
  const fill = (kind: string, color: string): LayerSpecification => ({
    id: `sight-${kind}`,
    type: 'fill',
    source: 'sight',
    filter: ['==', ['get', 'kind'], kind],
    paint: { 'fill-color': color, 'fill-opacity': 0.28, 'fill-antialias': false },
  })
  return [
    fill('view', p['map-select']),
    fill('more', p.normal),
    {
      id: 'sight-blind',
      type: 'circle',
      source: 'sight',
      filter: ['==', ['get', 'kind'], 'blind'],
      paint: { 'circle-radius': ['interpolate', ['linear'], ['zoom'], 14, 0.8 * scale, 17, 2 * scale], 'circle-color': p.advice, 'circle-opacity': 0.6 },
    },
  ]
}

/** Where the grids leave ground open or cover it twice: a sliver is seen from afar by its outline. */
function coverage({ palette: p, scale }: StyleInput): LayerSpecification[] {
  return [
    { id: 'coverage', type: 'fill', source: 'coverage', filter: ['==', ['geometry-type'], 'Polygon'], paint: { 'fill-color': p.critical, 'fill-opacity': 0.35 } },
    { id: 'coverage-line', type: 'line', source: 'coverage', filter: ['==', ['geometry-type'], 'Polygon'], paint: { 'line-color': p.critical, 'line-width': 1.5 * scale } },
    {
      id: 'coverage-corner',
      type: 'circle',
      source: 'coverage',
      minzoom: 14,
      filter: ['==', ['geometry-type'], 'Point'],
      paint: { 'circle-radius': 3 * scale, 'circle-color': p['map-ground'], 'circle-stroke-color': p.critical, 'circle-stroke-width': 1.5 * scale },
    },
    {
      id: 'coverage-word',
      type: 'symbol',
      source: 'coverage',
      minzoom: 13,
      layout: { 'text-field': ['get', 'word'], 'text-font': font, 'text-size': 12 * scale, 'text-offset': [0, 1], 'text-anchor': 'top' },
      paint: { 'text-color': p.critical, 'text-halo-color': p['map-halo'], 'text-halo-width': 1.5 * scale },
    },
  ]
}

function cameras({ palette: p, scale }: StyleInput): LayerSpecification[] {
  const dark: ExpressionSpecification = [
    'coalesce',
    ['feature-state', 'dark'],
    ['match', ['get', 'state'], ['offline', 'auth_failed', 'no_keyframe', 'wrong_codec', 'stalled'], true, false],
  ]
  const icon = (id: string, image: string, shown: ExpressionSpecification): LayerSpecification => ({
    id,
    type: 'symbol',
    source: 'cameras',
    'source-layer': 'cameras',
    minzoom: 15,
    layout: { 'icon-image': image, 'icon-allow-overlap': true, 'icon-ignore-placement': true },
    paint: { 'icon-opacity': shown },
  })
  return [
    {
      id: 'camera-wedge',
      type: 'symbol',
      source: 'cameras',
      'source-layer': 'cameras',
      minzoom: 16,
      filter: ['has', 'bearing'],
      layout: {
        'icon-image': 'wedge',
        'icon-anchor': 'bottom',
        'icon-rotate': ['to-number', ['get', 'bearing']],
        'icon-rotation-alignment': 'map',
        'icon-allow-overlap': true,
        'icon-ignore-placement': true,
      },
      paint: { 'icon-opacity': ['case', dark, 0.25, 1] },
    },
    {
      id: 'camera-dot',
      type: 'circle',
      source: 'cameras',
      'source-layer': 'cameras',
      minzoom: 12.5,
      maxzoom: 15,
      paint: {
        'circle-radius': ['interpolate', ['linear'], ['zoom'], 12.5, 1.2 * scale, 15, 2.6 * scale],
        'circle-color': ['case', dark, p['map-ground'], p['map-camera']],
        'circle-stroke-color': ['case', dark, p.offline, p['map-ground']],
        'circle-stroke-width': 1 * scale,
        'circle-opacity': 0.9,
      },
    },
    icon('camera-icon', 'camera', ['case', dark, 0, 1]),
    icon('camera-dark', 'camera-dark', ['case', dark, 1, 0]),
  ]
}
