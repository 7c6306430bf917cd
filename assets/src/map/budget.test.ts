import { describe, expect, it } from 'vitest'
import { Budget } from './budget'

/** Draws whenever it may for a minute, a picture of `ms`; returns how many and the longest wait. */
function storm(ms: number): { drawn: number; share: number } {
  const budget = new Budget()
  let now = 0
  let drawn = 0
  while (now < 60_000) {
    now += Math.max(250, budget.wait(now))
    budget.spend(now, ms)
    now += ms
    drawn += 1
  }
  return { drawn, share: (drawn * ms) / now }
}

describe('the budget of the map', () => {
  it('lets a fast map draw every change', () => {
    expect(storm(8).drawn).toBeGreaterThan(230)
  })

  it('lets a slow map take a fifth of a minute and not more than its purse above', () => {
    const { share } = storm(800)
    expect(share).toBeGreaterThan(0.15)
    expect(share).toBeLessThan(0.25)
  })

  it('draws a few changes in a row at once, however slow', () => {
    const budget = new Budget()
    for (let n = 0; n < 4; n += 1) {
      expect(budget.wait(n * 1_000)).toBe(0)
      budget.spend(n * 1_000, 500)
    }
  })
})
