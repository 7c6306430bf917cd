import type { Slot } from './types'

export interface Bar {
  x: number
  width: number
  height: number
  flood: boolean
  count: number
  at: string
}

/** Most bars that can be told apart; a longer time shows the worst of several ten-minute slots in one bar. */
const mostBars = 288

/** The slots as bars in a box of 100 × 100, and the number that its top stands for. */
export function bars(slots: readonly Slot[]): { bars: Bar[]; top: number } {
  const each = Math.max(1, Math.ceil(slots.length / mostBars))
  const worst: Slot[] = []
  for (let n = 0; n < slots.length; n += each) {
    const group = slots.slice(n, n + each)
    const first = group[0]
    if (first === undefined) continue
    worst.push({ at: first.at, count: Math.max(...group.map((slot) => slot.count)), flood: group.some((slot) => slot.flood) })
  }
  const top = Math.max(12, ...worst.map((slot) => slot.count))
  const width = 100 / Math.max(1, worst.length)
  return {
    top,
    bars: worst.map(({ at, count, flood }, n) => ({ at, count, flood, x: n * width, width: width * 0.82, height: (count * 100) / top })),
  }
}
