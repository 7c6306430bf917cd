import type { Case, Clock, Light } from './types'

/**
 * The light of a case at an instant (server clock, ms): the worst of its running clocks. The server computes the same rule;
 * the page computes it too so that a light turns on every open screen at its moment, without a message.
 * Without a running clock the light is frozen as the server sent it.
 */
export function lightOf(file: Case, at: number): Light {
  if (file.clocks.length === 0) return file.light ?? 'grey'
  let worst: Light = 'grey'
  for (const clock of file.clocks) {
    const light = clockLight(clock, at)
    if (rank[light] > rank[worst]) worst = light
  }
  return worst
}

export function clockLight(clock: Clock, at: number): Light {
  if (clock.paused_at !== null) return 'grey'
  if (at < Date.parse(clock.warn_at)) return 'green'
  return at < Date.parse(clock.due_at) ? 'yellow' : 'red'
}

const rank: Record<Light, number> = { grey: 0, green: 1, yellow: 2, red: 3 }

/** The running clock that ends first; what is late stays first, the longest late before the others. Null: none runs. */
export function nextClock(file: Case): Clock | null {
  let next: Clock | null = null
  for (const clock of file.clocks) {
    if (clock.paused_at !== null) continue
    if (next === null || Date.parse(clock.due_at) < Date.parse(next.due_at)) next = clock
  }
  return next
}

/** Sort key of the queue: what will be late next, first. Cases without a running clock go last. */
export function urgencyKey(file: Case): number {
  const clock = nextClock(file)
  return clock === null ? Number.MAX_SAFE_INTEGER : Date.parse(clock.due_at)
}

/** Used share of a clock at an instant, 0…1 and more when late; by wall time, as a bar needs it. */
export function usedShare(clock: Clock, at: number): number {
  const started = Date.parse(clock.started_at)
  const whole = Date.parse(clock.due_at) - started
  return whole <= 0 ? 1 : Math.max(0, ((clock.paused_at === null ? at : Date.parse(clock.paused_at)) - started) / whole)
}
