import type { Screen } from './store'
import { arcMinutes, leastArc } from './measure'

/** A screen as it hangs beside the others, without its bezel; mm where every screen is measured, pixels where one is not. */
export interface Hung {
  screen: Screen
  x: number
  y: number
  width: number
  height: number
  bezel: number
}

/** Hangs the screens of a wall side by side on one middle line, in their true proportions. */
export function hang(screens: readonly Screen[]): { hung: Hung[]; width: number; height: number; measured: boolean } {
  const measured = screens.length > 0 && screens.every((screen) => screen.pitch_mm > 0)
  const height = Math.max(0, ...screens.map((screen) => screen.height_px * (measured ? screen.pitch_mm : 1) + 2 * (measured ? screen.bezel_mm : 0)))
  let x = 0
  const hung = screens.map((screen) => {
    const unit = measured ? screen.pitch_mm : 1
    const bezel = measured ? screen.bezel_mm : 0
    const one: Hung = { screen, x: x + bezel, y: (height - screen.height_px * unit) / 2, width: screen.width_px * unit, height: screen.height_px * unit, bezel }
    x += one.width + 2 * bezel
    return one
  })
  return { hung, width: x, height, measured }
}

/** Least font size in px at which Hanzi can be read from the farthest seat; null where pitch or seat are not measured. */
export function leastHanzi(screen: Screen): number | null {
  if (screen.pitch_mm <= 0 || screen.seat_m <= 0) return null
  let px = 1
  while (arcMinutes(px * leastArc.share * screen.pitch_mm, screen.seat_m) < leastArc.minutes) px += 1
  return px
}
