/** How long something has lasted, for a clock that counts: 02:35, 7:04:12, 3 d 04:12. Minutes and seconds under an hour. */
export function counting(ms: number, days: string): string {
  const s = Math.max(0, Math.floor(ms / 1000))
  const two = (n: number) => String(Math.floor(n)).padStart(2, '0')
  const h = s / 3600
  if (h < 1) return `${two(s / 60)}:${two(s % 60)}`
  if (h < 24) return `${Math.floor(h)}:${two((s / 60) % 60)}:${two(s % 60)}`
  return `${Math.floor(h / 24)}${days}${two(h % 24)}:${two((s / 60) % 60)}`
}

/** Always hh:mm:ss, for the banner of a stale page. */
export function clockwise(seconds: number): string {
  const two = (n: number) => String(Math.floor(n)).padStart(2, '0')
  return `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`
}

export interface Span {
  unit: 'day' | 'hour' | 'minute' | 'second'
  count: number
}

/** A finished span in at most two units, largest first: 2 d 13 min has [2 day, 13 minute]. */
export function spans(seconds: number): Span[] {
  const s = Math.max(0, Math.round(seconds))
  const all: Span[] = [
    { unit: 'day', count: Math.floor(s / 86_400) },
    { unit: 'hour', count: Math.floor(s / 3600) % 24 },
    { unit: 'minute', count: Math.floor(s / 60) % 60 },
    { unit: 'second', count: s < 60 ? s : 0 },
  ]
  const told = all.filter((span) => span.count > 0)
  // Three units are kept for days: "2 d 0 h 13 min" is how a case file says it.
  return told.length === 0 ? [{ unit: 'second', count: 0 }] : told.slice(0, 3)
}
