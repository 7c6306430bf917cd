import { describe, expect, it } from 'vitest'
import { everything, queue, step } from './queue'
import type { Case } from './types'

const at = Date.parse('2026-11-24T06:00:00Z')
const file = (id: number, dueMinutes: number | null, extra: Partial<Case> = {}) =>
  ({
    id,
    title: `案卷${id}`,
    number: `${id}`,
    state: 'filed',
    priority: 'normal',
    light: 'green',
    class_name: null,
    clocks:
      dueMinutes === null
        ? []
        : [{ stage: 'dispatch', started_at: '2026-11-24T00:00:00Z', warn_at: new Date(at + dueMinutes * 30_000).toISOString(), due_at: new Date(at + dueMinutes * 60_000).toISOString(), paused_at: null }],
    ...extra,
  }) as unknown as Case

const list = [file(1, 60), file(2, -5), file(3, null), file(4, 10, { priority: 'critical', title: '燃气泄漏' }), file(5, -50)]
const ids = (filter = everything) => queue(list, filter, at).map((row) => row.id)

describe('the queue', () => {
  it('puts the longest late first, then what will be late next, then what has no clock', () => {
    expect(ids()).toEqual([5, 2, 4, 1, 3])
  })

  it('filters by light as of now, by priority, state and words', () => {
    expect(ids({ ...everything, light: 'red' })).toEqual([5, 2])
    expect(ids({ ...everything, priority: 'critical' })).toEqual([4])
    expect(ids({ ...everything, state: 'signed' })).toEqual([])
    expect(ids({ ...everything, text: ' 燃气 ' })).toEqual([4])
  })

  it('steps with J and K and stops at its ends', () => {
    const rows = queue(list, everything, at)
    expect(step(rows, null, 1)).toBe(5)
    expect(step(rows, 5, 1)).toBe(2)
    expect(step(rows, 5, -1)).toBe(5)
    expect(step(rows, 3, 1)).toBe(3)
    expect(step([], null, 1)).toBeNull()
  })
})
