import type { Place } from '../cases/types'

const metresPerDegree = 111_320

/** The place d metres from p in a direction, degrees from north; flat, good for what a camera sees. */
export function along(p: Place, bearing: number, d: number): Place {
  const rad = (bearing * Math.PI) / 180
  return {
    lon: p.lon + (d * Math.sin(rad)) / (metresPerDegree * Math.cos((p.lat * Math.PI) / 180)),
    lat: p.lat + (d * Math.cos(rad)) / metresPerDegree,
  }
}

/** Direction (0…360) and distance, metres, from one place to another. */
export function towards(from: Place, to: Place): { bearing: number; d: number } {
  const x = (to.lon - from.lon) * metresPerDegree * Math.cos((from.lat * Math.PI) / 180)
  const y = (to.lat - from.lat) * metresPerDegree
  return { bearing: ((Math.atan2(x, y) * 180) / Math.PI + 360) % 360, d: Math.hypot(x, y) }
}

/** What a camera sees, as a polygon. */
export function sector(p: Place, bearing: number, angle: number, range: number): GeoJSON.Polygon {
  const ring: [number, number][] = []
  const steps = Math.max(8, Math.ceil(angle / 4))
  if (angle < 360) ring.push([p.lon, p.lat])
  for (let n = 0; n <= steps; n += 1) {
    const at = along(p, bearing - angle / 2 + (angle * n) / steps, range)
    ring.push([at.lon, at.lat])
  }
  const first = ring[0]
  if (first !== undefined) ring.push(first)
  return { type: 'Polygon', coordinates: [ring] }
}
