import { describe, expect, it } from 'vitest'
import { between } from './markers'

describe('the size of a marker', () => {
  const stops = [[11, 0.7], [14, 1], [17, 1.25]] as const

  it('is that of the nearest stop outside the stops', () => {
    expect([between(8, stops), between(11, stops), between(17, stops), between(19, stops)]).toEqual([0.7, 0.7, 1.25, 1.25])
  })

  it('grows evenly between them', () => {
    expect(between(12.5, stops)).toBeCloseTo(0.85, 9)
    expect(between(15.5, stops)).toBeCloseTo(1.125, 9)
  })
})
