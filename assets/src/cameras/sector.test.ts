import { describe, expect, it } from 'vitest'
import { along, sector, towards } from './sector'

describe('what a camera sees', () => {
  const p = { lon: 110, lat: 40 }

  it('goes there and back', () => {
    for (const bearing of [0, 45, 135, 270, 359]) {
      const found = towards(p, along(p, bearing, 80))
      expect(found.bearing).toBeCloseTo(bearing, 3)
      expect(found.d).toBeCloseTo(80, 3)
    }
  })

  it('is a closed ring about the direction', () => {
    const ring = sector(p, 90, 60, 100).coordinates[0] ?? []
    expect(ring[0]).toEqual(ring.at(-1))
    expect(Math.max(...ring.map(([lon]) => lon ?? 0))).toBeCloseTo(along(p, 90, 100).lon, 5)
    expect(sector(p, 0, 360, 100).coordinates[0]).not.toContainEqual([p.lon, p.lat])
  })
})
