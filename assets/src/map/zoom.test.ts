import type { LayerSpecification } from 'maplibre-gl'
import { expect, it } from 'vitest'
import { shiftZooms } from './zoom'

const layer: LayerSpecification = {
  id: 'x',
  type: 'circle',
  source: 's',
  minzoom: 14,
  paint: {
    'circle-radius': ['interpolate', ['linear'], ['zoom'], 13, 1, 15, ['match', ['get', 'a'], 'b', 2, 3]],
    'circle-opacity': ['step', ['zoom'], 0, 14, 1],
    'circle-blur': 0.5,
  },
}

it('moves bounds and stops, and nothing else', () => {
  expect(shiftZooms(layer, 1)).toEqual({
    ...layer,
    minzoom: 15,
    paint: {
      'circle-radius': ['interpolate', ['linear'], ['zoom'], 14, 1, 16, ['match', ['get', 'a'], 'b', 2, 3]],
      'circle-opacity': ['step', ['zoom'], 0, 15, 1],
      'circle-blur': 0.5,
    },
  })
})

it('leaves a layer from the ground up there', () => {
  expect(shiftZooms({ id: 'y', type: 'background', minzoom: 0 }, 1)).toEqual({ id: 'y', type: 'background', minzoom: 0 })
})
