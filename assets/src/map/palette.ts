import { token } from '../design/theme'

const names = [
  'map-ground', 'map-land', 'map-water', 'map-water-text', 'map-green', 'map-block', 'map-block-warm', 'map-road',
  'map-road-main', 'map-road-casing', 'map-road-text', 'map-building', 'map-building-line', 'map-grid-line',
  'map-community-line', 'map-label', 'map-label-soft', 'map-halo', 'map-camera', 'map-select',
  'load-0', 'load-1', 'load-2', 'load-3', 'load-4', 'critical', 'critical-on', 'urgent', 'normal', 'advice', 'late',
  'offline', 'bg-0',
] as const

/** The tokens that the map is drawn with, read from tokens.css when the map or the theme starts. */
export type Palette = Record<(typeof names)[number], string>

export function readPalette(): Palette {
  return Object.fromEntries(names.map((name) => [name, token(name)])) as Palette
}
