import type { Said, Screen } from './store'

export type Fault = Said['faults'][number]

/** Least heights at the farthest seat, minutes of arc (NUREG-0700); Hanzi are dense. */
const least = { latin: 16, hanzi: 22 }
/** Height of a character against its font size: a capital, a Hanzi. */
const share = { latin: 0.7, hanzi: 0.92 }
/** What one can take in of a scene. */
const most = { numbers: 7, rows: 8, maps: 1, videos: 16 }
/** What a Hanzi needs at the farthest seat, and its height against its font size. */
export const leastArc = { minutes: least.hanzi, share: share.hanzi }
const hanzi = /\p{Script=Han}/u

/** Minutes of arc of a height in mm at a distance in m. */
export function arcMinutes(heightMM: number, distanceM: number): number {
  return (2 * Math.atan(heightMM / 2 / (distanceM * 1_000)) * 180 * 60) / Math.PI
}

/** Relative contrast of two colours (WCAG 2.2), 1 to 21. */
export function contrast(a: readonly number[], b: readonly number[]): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number]
  return (light + 0.05) / (dark + 0.05)
}

function luminance([r = 0, g = 0, b = 0]: readonly number[]): number {
  const linear = (value: number) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4)
  return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

function colour(text: string): number[] {
  return (text.match(/[\d.]+/g) ?? []).map(Number)
}

/** The ground that a text stands on: the nearest that is nearly opaque; null over pictures and canvases. */
function groundOf(element: Element): number[] | null {
  for (let at: Element | null = element; at !== null; at = at.parentElement) {
    if (at.matches('[data-camera], [data-testid="map"]')) return null
    const ground = colour(getComputedStyle(at).backgroundColor)
    if (ground.length === 3 || (ground[3] ?? 0) > 0.85) return ground
  }
  return null
}

/**
 * Looks at everything that the page shows: texts too small for the farthest seat, texts too faint, too much of one thing. Each
 * element that a fault lies in gets `data-fault`, so that it can be marked. Without pitch and seat sizes are not judged.
 */
export function measure(root: HTMLElement, screen: Pick<Screen, 'pitch_mm' | 'seat_m'>, density = devicePixelRatio): Fault[] {
  for (const marked of root.querySelectorAll('[data-fault]')) marked.removeAttribute('data-fault')
  const faults: Fault[] = []
  const note = (element: Element | null, kind: string, text: string, value: number, needed: number) => {
    faults.push({ kind, text: text.slice(0, 40), value: Math.round(value * 10) / 10, needed })
    if (element !== null) element.setAttribute('data-fault', kind)
  }
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const text = (node.textContent ?? '').trim()
    const element = node.parentElement
    if (text === '' || element === null || !element.checkVisibility()) continue
    const style = getComputedStyle(element)
    const size = Number.parseFloat(style.fontSize)
    const script = hanzi.test(text) ? 'hanzi' : 'latin'
    if (screen.pitch_mm > 0 && screen.seat_m > 0) {
      const arc = arcMinutes(size * density * share[script] * screen.pitch_mm, screen.seat_m)
      if (arc < least[script]) note(element, `small_${script}`, text, arc, least[script])
    }
    const ground = groundOf(element)
    if (ground !== null) {
      const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 600) ? 3 : 4.5
      const ratio = contrast(colour(style.color), ground)
      if (ratio < needed - 0.05) note(element, 'contrast', text, ratio, needed)
    }
  }
  const counts = { numbers: root.querySelectorAll('[data-number]').length, maps: root.querySelectorAll('[data-testid="map"]').length, videos: root.querySelectorAll('[data-camera]').length }
  for (const kind of ['numbers', 'maps', 'videos'] as const) if (counts[kind] > most[kind]) note(null, kind, '', counts[kind], most[kind])
  return faults
}
