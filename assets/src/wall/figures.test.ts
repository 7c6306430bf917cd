import { describe, expect, it } from 'vitest'
import { dayStart } from './figures'

describe('the day of a site', () => {
  it('begins at its own midnight', () => {
    expect(new Date(dayStart(Date.parse('2026-11-24T20:22:10.500Z'), 'Asia/Shanghai')).toISOString()).toBe('2026-11-24T16:00:00.000Z')
    expect(new Date(dayStart(Date.parse('2026-11-24T20:22:10Z'), 'UTC')).toISOString()).toBe('2026-11-24T00:00:00.000Z')
  })
})
