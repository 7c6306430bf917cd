import { describe, expect, it } from 'vitest'
import { tintOf, topOf } from './load'
import type { GridLoad } from '../cases/types'

const grid = (open: number, red = 0): GridLoad => ({ grid: 'g', name: 'g', open, red, change: 0 })

describe('the load of grids', () => {
  it.each([
    [[], 10],
    [[grid(3)], 10],
    [[grid(11)], 15],
    [[grid(83)], 85],
    [[grid(812)], 850],
  ])('has a top that a legend can carry', (grids, top) => {
    expect(topOf(grids)).toBe(top)
  })

  it('is a share of that top, and red only from the third overdue case on', () => {
    expect(tintOf(grid(5, 2), 10)).toEqual({ load: 0.5, over: false })
    expect(tintOf(grid(30, 3), 10)).toEqual({ load: 1, over: true })
  })
})
