import { describe, expect, it } from 'vitest'
import { arcMinutes, contrast } from './measure'

describe('the measure of a wall', () => {
  it('knows that 27.9 mm are 16 minutes of arc at 6 m', () => {
    expect(arcMinutes(27.9, 6)).toBeCloseTo(16, 1)
  })
  it('knows the contrast of black on white, and of a colour on itself', () => {
    expect(contrast([0, 0, 0], [255, 255, 255])).toBeCloseTo(21, 5)
    expect(contrast([9, 9, 9], [9, 9, 9])).toBe(1)
  })
})
