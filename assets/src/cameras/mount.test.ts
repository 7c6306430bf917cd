import { describe, expect, it } from 'vitest'
import { around, wedge } from './mount'

const mount = { address: '', zero_deg: 90, pan_deg: 170, tilt_low_deg: -90, tilt_high_deg: 20, speed_deg: 100, no_look: [] }

describe('a dial', () => {
  it('draws clockwise from one bearing to the other, north up', () => {
    expect(wedge(0, 90, 10)).toBe('M0 0L0 -10A10 10 0 0 1 10 0Z')
    expect(wedge(350, 10, 10)).toMatch(/A10 10 0 0 1/)
    expect(wedge(10, 350, 10)).toMatch(/A10 10 0 1 1/)
  })

  it('draws all around for 360 degrees and more, and nothing for nothing', () => {
    for (const [from, to] of [[-180, 180], [-270, 450], [0, 360]] as const) expect(wedge(from, to, 10)).toBe('M0 -10A10 10 0 1 1 0 10A10 10 0 1 1 0 -10Z')
    expect(wedge(40, 40, 10)).toBe('')
  })
})

describe('a new sector', () => {
  it('lies around where the head looks, over north too', () => {
    expect(around(4.6, mount, '院内')).toEqual({ name: '院内', from_deg: 355, to_deg: 15, low_deg: -90, high_deg: 20 })
  })
})
