import type { GridLoad } from '../cases/types'

/** From this many overdue cases on a grid is outlined red: the only red that a grid may have. */
export const overdueFrom = 3

export interface Tint {
  /** 0…1 of the ramp. */
  load: number
  over: boolean
}

/** Open cases of the fullest grid, rounded up to a figure that a legend can carry; at least 10. */
export function topOf(grids: readonly GridLoad[]): number {
  const most = Math.max(10, ...grids.map((grid) => grid.open))
  const step = most <= 50 ? 5 : 10 ** Math.floor(Math.log10(most)) / 2
  return Math.ceil(most / step) * step
}

export function tintOf(grid: GridLoad, top: number): Tint {
  return { load: Math.min(1, grid.open / top), over: grid.red >= overdueFrom }
}
