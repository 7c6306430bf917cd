import { describe, expect, it } from 'vitest'
import { sum } from './drive'

const right = { pan: 1, tilt: 0, zoom: 0 }
const left = { pan: -1, tilt: 0, zoom: 0 }
const up = { pan: 0, tilt: 1, zoom: 0 }

describe('held keys', () => {
  it('add up to a slant, and opposite ones to nothing', () => {
    expect(sum([right, up], 0.5)).toEqual({ pan: 0.5, tilt: 0.5, zoom: 0 })
    expect(sum([right, left, up], 1)).toEqual({ pan: 0, tilt: 1, zoom: 0 })
  })

  it('never ask for more than full speed', () => {
    expect(sum([right, right, right], 1)).toEqual({ pan: 1, tilt: 0, zoom: 0 })
  })
})
