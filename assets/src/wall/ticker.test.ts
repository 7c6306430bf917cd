import { describe, expect, it } from 'vitest'
import type { Case } from '../cases/types'
import { newestCritical } from './selection'
import { ticker, tickerRows } from './ticker'

const file = (id: number, minute: number, extra: Partial<Case> = {}) =>
  ({
    id,
    updated_at: new Date(Date.UTC(2026, 10, 24, 6, minute)).toISOString(),
    reported_at: new Date(Date.UTC(2026, 10, 24, 6, minute)).toISOString(),
    priority: 'normal',
    ...extra,
  }) as unknown as Case

describe('the ticker', () => {
  it('holds the newest, newest first, whatever order they came in', () => {
    const minutes = Array.from({ length: 40 }, (_, n) => (n * 17) % 40)
    const rows = ticker(minutes.map((minute) => file(minute, minute)))
    expect(rows.map((row) => row.id)).toEqual(Array.from({ length: tickerRows }, (_, n) => 39 - n))
  })

  it('puts the later number first when two moved in the same moment', () => {
    expect(ticker([file(1, 5), file(2, 5)]).map((row) => row.id)).toEqual([2, 1])
  })
})

describe('the card over the map', () => {
  it('is for the newest critical case, not for the newest case', () => {
    const list = [file(1, 1, { priority: 'critical' }), file(2, 2, { priority: 'critical' }), file(3, 3)]
    expect(newestCritical(list)?.id).toBe(2)
    expect(newestCritical([file(3, 3)])).toBeNull()
  })
})
