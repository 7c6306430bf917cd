import { describe, expect, it } from 'vitest'
import { changed, month, toggled, workdays, works, type Plan } from './calendar'

const plan: Plan = { zone: 'Asia/Shanghai', week: ['mon', 'tue', 'wed', 'thu', 'fri'], hours: ['08:30-12:00'], workday: 'hours', days: { '2026-10-01': false, '2026-10-10': true }, saved_at: null, saved_by: null }

describe('a working calendar', () => {
  it('goes by the week but for its exceptions', () => {
    expect(works(plan, '2026-09-30')).toBe(true) // a Wednesday
    expect(works(plan, '2026-10-01')).toBe(false)
    expect(works(plan, '2026-10-03')).toBe(false) // a Saturday
    expect(works(plan, '2026-10-10')).toBe(true) // a Saturday, worked
  })

  it('turns a day round and back, leaving no exception behind', () => {
    const free = toggled(plan, '2026-09-30')
    expect(free.days['2026-09-30']).toBe(false)
    expect(changed(plan, free)).toEqual(['2026-09-30'])
    expect(toggled(free, '2026-09-30').days).toEqual(plan.days)
    expect(toggled(plan, '2026-10-10').days).toEqual({ '2026-10-01': false })
    expect(plan.days['2026-09-30']).toBeUndefined()
  })

  it('begins a month on its weekday', () => {
    const dates = month(2026, 11) // a Sunday
    expect(dates.slice(0, 8)).toEqual([null, null, null, null, null, null, '2026-11-01', '2026-11-02'])
    expect(dates.at(-1)).toBe('2026-11-30')
    expect(month(2028, 2).filter(Boolean)).toHaveLength(29)
  })

  it('counts the working days of a year', () => {
    expect(workdays({ ...plan, days: {} }, 2026)).toBe(261)
    expect(workdays(plan, 2026)).toBe(261)
  })
})
