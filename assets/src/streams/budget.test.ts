import { describe, expect, it } from 'vitest'
import { Budget } from './budget'

/** Two looks in a row: one is no proof. */
const over = (budget: Budget, moving: number, share: number, now: number) => [budget.look(load(moving, share), now - 4_000), budget.look(load(moving, share), now)]

const load = (moving: number, share: number, wanted = 36) => ({ wanted, moving, frames: 1000, dropped: 1000 * share })

describe('the budget of a screen', () => {
  it('is without a limit as long as frames are shown', () => {
    const budget = new Budget()
    for (let s = 0; s < 600; s += 4) expect(budget.look(load(36, 0.005), s * 1000)).toBe(false)
    expect(budget.limit).toBe(Infinity)
  })

  it('makes a quarter of the tiles stills while frames are lost, and never the last', () => {
    const budget = new Budget()
    expect(over(budget, 36, 0.3, 0)).toEqual([false, true])
    expect(budget.limit).toBe(27)
    budget.look(load(27, 0.3), 4_000)
    expect(budget.limit).toBe(20)
    for (let n = 0; n < 30; n += 1) budget.look(load(Math.min(20, budget.limit), 0.5), 8_000 + n * 4_000)
    expect(budget.limit).toBe(1)
  })

  it('lets more move when it has been easy, and all at last', () => {
    const budget = new Budget()
    over(budget, 36, 0.3, 0)
    expect(budget.look(load(27, 0), 10_000)).toBe(false)
    expect(budget.look(load(27, 0), 20_000)).toBe(true)
    expect(budget.limit).toBe(29)
    for (let s = 24; s < 240; s += 4) budget.look(load(Math.min(36, budget.limit), 0), s * 1000)
    expect(budget.limit).toBe(Infinity)
  })

  it('does not soon try again what failed', () => {
    const budget = new Budget()
    over(budget, 36, 0.3, 0)
    budget.look(load(27, 0), 20_000) // 29
    over(budget, 29, 0.3, 28_000) // 21
    expect(budget.limit).toBe(21)
    expect(budget.look(load(21, 0), 52_000)).toBe(false)
    expect(budget.look(load(21, 0), 70_000)).toBe(true)
  })

  it('learns nothing from a page that shows next to nothing', () => {
    expect(new Budget().look({ wanted: 2, moving: 2, frames: 20, dropped: 20 }, 0)).toBe(false)
  })
})
