import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, describe, expect, it } from 'vitest'
import type { LiveEvent } from '../live/messages'
import { nextPopup } from './popup'
import { movesOf, newsOf, pops, pressing, type News } from './pressing'
import { toneFor } from './hearing'
import { bars } from './spark'
import { useAlarms } from './store'
import type { Alarm, Flood } from './types'

const at = (second: number) => new Date(Date.parse('2026-11-24T06:00:00Z') + second * 1000).toISOString()
const alarm = (id: number, extra: Partial<Alarm> = {}): Alarm => ({
  id,
  key: `k${id}`,
  rule: 'sensor',
  rule_name: { zh: '传感器', en: 'Sensor' },
  priority: 'medium',
  tone: 'medium',
  source: { kind: 'sensor', id: '' },
  title: { zh: '水位高', en: 'water' },
  detail: { zh: '', en: '' },
  items: [],
  items_total: 0,
  grid: null,
  grid_name: null,
  location: null,
  state: 'unacknowledged',
  active: true,
  count: 1,
  chattering: false,
  first_at: at(0),
  raised_at: at(0),
  changed_at: at(0),
  acknowledged_at: null,
  returned_at: null,
  escalated_at: null,
  escalated_to: null,
  shelved_until: null,
  ended_at: null,
  version: 1,
  ...extra,
})
const changed = (seq: number, of: Alarm): LiveEvent => ({ seq, prev: seq - 1, type: 'alarm.changed', at: at(0), data: { alarm: of } })
const flood: Flood = { since: at(0) }

const rows = (...list: Alarm[]) => list.map((row) => ({ key: String(row.id), row: row as unknown }))
const standing = () => rows(alarm(1), alarm(2, { priority: 'high' }))
const ids = () => useAlarms().list.map((one) => one.id)

beforeEach(() => setActivePinia(createPinia()))

describe('the alarms that stand', () => {
  it('are the snapshot and the events after it, the most pressing first', () => {
    const alarms = useAlarms()
    alarms.snapshot(standing())
    expect(ids()).toEqual([2, 1])
    alarms.apply(changed(11, alarm(3, { raised_at: at(5) })))
    alarms.apply(changed(12, alarm(2, { priority: 'high', state: 'acknowledged', version: 2 })))
    expect(ids()).toEqual([3, 1, 2])
    alarms.apply(changed(13, alarm(1, { state: 'normal', active: false, ended_at: at(9), version: 2 })))
    expect(ids()).toEqual([3, 2])
    expect(alarms.unanswered.map((one) => one.id)).toEqual([3])
    expect(alarms.counts).toEqual({ high: 1, medium: 1, low: 0 })
  })

  it('are replaced by a newer snapshot, the flood too', () => {
    const alarms = useAlarms()
    alarms.snapshot([...standing(), { key: 'flood', row: flood }])
    expect([ids(), alarms.flood]).toEqual([[2, 1], flood])
    alarms.apply(changed(15, alarm(9)))
    alarms.snapshot(rows(alarm(1), alarm(4)))
    expect([ids(), alarms.flood]).toEqual([[1, 4], null])
    alarms.apply({ seq: 17, prev: 15, type: 'alarm.flood', at: at(0), data: { flood } })
    expect(alarms.flood).toEqual(flood)
  })

  it('tell what is news: not what stood when the page was opened, but what came while it was cut off', () => {
    const alarms = useAlarms()
    const heard: [number, News][] = []
    alarms.onNews((one, news) => heard.push([one.id, news]))
    alarms.snapshot(standing())
    expect(heard).toEqual([])
    alarms.snapshot([...standing(), ...rows(alarm(3))])
    alarms.apply(changed(21, alarm(2, { priority: 'high', escalated_at: at(60), version: 2 })))
    alarms.apply(changed(22, alarm(1, { state: 'acknowledged', version: 2 })))
    alarms.apply(changed(23, alarm(1, { state: 'unacknowledged', raised_at: at(70), count: 2, version: 3 })))
    expect(heard).toEqual([[3, 'raised'], [2, 'escalated'], [1, 'raised']])
  })
})

describe('an alarm', () => {
  it('that chatters is no news with each flap', () => {
    const flap = alarm(1, { chattering: true, count: 4 })
    expect(newsOf(flap, { ...flap, count: 9, changed_at: at(9), version: 9 })).toBeNull()
    expect(newsOf(undefined, flap)).toBe('raised')
  })

  it('of low priority is only listed in a flood, and on a wall always', () => {
    const low = alarm(1, { priority: 'low' })
    expect([pops(low, null, false), pops(low, flood, false), pops(low, null, true)]).toEqual([true, false, false])
    expect([pops(alarm(1), flood, true), pops(alarm(1, { priority: 'high' }), flood, false)]).toEqual([true, true])
  })

  it('of high priority cannot be muted, nor an escalation', () => {
    const silence = () => true
    expect(toneFor(alarm(1, { priority: 'high', tone: 'high' }), 'raised', silence)).toBe('high')
    expect(toneFor(alarm(1), 'raised', silence)).toBeNull()
    expect(toneFor(alarm(1), 'raised', () => false)).toBe('medium')
    expect(toneFor(alarm(1, { tone: 'none' }), 'raised', () => false)).toBeNull()
    expect(toneFor(alarm(1), 'escalated', silence)).toBe('high')
  })

  it('permits what its state does', () => {
    expect(movesOf(alarm(1))).toEqual(['acknowledge', 'shelve', 'out_of_service'])
    expect(movesOf(alarm(1, { priority: 'high' }))).not.toContain('shelve')
    expect(movesOf(alarm(1, { state: 'acknowledged', priority: 'high', source: { kind: 'sos', id: '' } }))).toEqual(['clear', 'out_of_service'])
    expect(movesOf(alarm(1, { state: 'shelved' }))).toEqual(['unshelve', 'out_of_service'])
    expect(movesOf(alarm(1, { state: 'normal' }))).toEqual([])
  })

  it('is sorted by state, priority and time', () => {
    const list = [
      alarm(1, { state: 'acknowledged', priority: 'high' }),
      alarm(2, { raised_at: at(1) }),
      alarm(3, { raised_at: at(2) }),
      alarm(4, { state: 'returned', priority: 'high' }),
      alarm(5, { priority: 'high' }),
    ]
    expect(list.sort(pressing).map((one) => one.id)).toEqual([5, 3, 2, 4, 1])
  })
})

describe('the pop-up', () => {
  it('is the most pressing of those that wait and are still unacknowledged', () => {
    const standing = new Map([alarm(1), alarm(2, { priority: 'high' }), alarm(3, { priority: 'high', state: 'acknowledged' })].map((one) => [one.id, one]))
    expect(nextPopup([1, 2, 3, 9], standing)).toBe(2)
    expect(nextPopup([3, 9], standing)).toBeNull()
  })
})

describe('the load over time', () => {
  const slots = (n: number) => Array.from({ length: n }, (_, i) => ({ at: at(i * 600), count: i === 5 ? 40 : 1, flood: i === 5 }))
  it('is a bar for each ten minutes of a day', () => {
    const { bars: drawn, top } = bars(slots(144))
    expect([drawn.length, top, drawn[5]?.height, drawn[5]?.flood, drawn[4]?.height]).toEqual([144, 40, 100, true, 2.5])
  })
  it('keeps the worst of a week', () => {
    const { bars: drawn, top } = bars(slots(1008))
    expect([drawn.length <= 288, top, drawn.filter((bar) => bar.flood).length]).toEqual([true, 40, 1])
  })
  it('is not made larger than it is when there is little', () => {
    expect(bars(slots(3)).top).toBe(12)
  })
})
