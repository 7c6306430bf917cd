import type { Situation } from '../cases/types'

export type Hour = Situation['hours'][number]

/** Size of the drawing in its own units, and what stays free at its edges for the figures. */
export const frame = { width: 336, height: 132, left: 26, right: 6, top: 8, bottom: 18 }
export type Frame = typeof frame

/** The frame in the proportion of its box, so that a wide chart is wide and its figures stay as they are; never under 2 : 1. */
export const frameIn = (width: number, height: number): Frame => ({ ...frame, width: Math.round(frame.height * Math.min(8, Math.max(2, height > 0 ? width / height : 0))) })

export interface Trend {
  ticks: { value: number; y: number }[]
  bars: { hour: number; x: number; y: number; width: number; height: number }[]
  /** Points of the line, and what each hour counts. */
  points: { hour: number; x: number; y: number; reported: number; closed: number }[]
  reported: string
  yesterday: string
  nowX: number
}

/** The day so far: bars of what was closed, a line of what was reported, yesterday's line through the whole day. */
export function trendOf(hours: readonly Hour[], hourNow: number, frame: Frame): Trend {
  const top = ceiling(Math.max(4, ...hours.flatMap((h) => [h.reported, h.closed, h.reported_yesterday])))
  const width = (frame.width - frame.left - frame.right) / 24
  const x = (hour: number) => frame.left + (hour + 0.5) * width
  const y = (value: number) => frame.height - frame.bottom - (value / top) * (frame.height - frame.top - frame.bottom)
  const past = hours.filter((h) => h.hour <= hourNow)
  const path = (points: [number, number][]) => points.map(([px, py], n) => `${n === 0 ? 'M' : 'L'}${px.toFixed(1)} ${py.toFixed(1)}`).join('')
  return {
    ticks: [0, top / 2, top].map((value) => ({ value, y: y(value) })),
    points: past.map((h) => ({ hour: h.hour, x: x(h.hour), y: y(h.reported), reported: h.reported, closed: h.closed })),
    bars: past.map((h) => ({ hour: h.hour, x: x(h.hour) - width * 0.32, y: y(h.closed), width: width * 0.64, height: y(0) - y(h.closed) })),
    reported: path(past.map((h) => [x(h.hour), y(h.reported)])),
    yesterday: path(hours.map((h) => [x(h.hour), y(h.reported_yesterday)])),
    nowX: x(hourNow),
  }
}

/** The next even figure of the 1–2–5 kind: 4, 10, 20, 40, 100. */
export function ceiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  for (const step of [1, 2, 4, 6, 8, 10]) {
    const top = step * power
    if (top >= value && top % 2 === 0) return top
  }
  return 20 * power
}
