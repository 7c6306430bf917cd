import type { LayerSpecification } from 'maplibre-gl'

/**
 * Moves a layer's zooms up by `shift`. A screen of twice the pixels shows the same ground one zoom higher: without this it
 * would also show what is meant for a closer look.
 */
export function shiftZooms(layer: LayerSpecification, shift: number): LayerSpecification {
  if (shift === 0) return layer
  const moved = shiftStops(layer, shift) as LayerSpecification
  if (moved.minzoom !== undefined && moved.minzoom > 0) moved.minzoom = Math.min(moved.minzoom + shift, 24)
  if (moved.maxzoom !== undefined) moved.maxzoom = Math.min(moved.maxzoom + shift, 24)
  return moved
}

/** The same value with the stops of every expression over ['zoom'] moved. */
function shiftStops(value: unknown, shift: number): unknown {
  if (Array.isArray(value)) {
    const overZoom = (input: unknown) => Array.isArray(input) && input[0] === 'zoom'
    const first = value[0] === 'interpolate' && overZoom(value[2]) ? 3 : value[0] === 'step' && overZoom(value[1]) ? 3 : Infinity
    return value.map((part: unknown, i) => (i >= first && (i - first) % 2 === 0 && typeof part === 'number' ? part + shift : shiftStops(part, shift)))
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, shiftStops(part, shift)]))
  }
  return value
}
