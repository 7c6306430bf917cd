import { defineStore } from 'pinia'
import { computed, shallowRef, triggerRef } from 'vue'
import { post, request } from '../access/http'
import type { LiveEvent } from '../live/messages'
import { newsOf, pressing, type News } from './pressing'
import type { Alarm, AlarmEntry, AlarmMove, AlarmPriority, Flood } from './types'

/** The row of the flood in the log's snapshot; the others' keys are numbers. */
const floodKey = 'flood'

/** The alarms that stand, keyed by id, and the flood: the log's snapshot and the events after it. */
export const useAlarms = defineStore('alarms', () => {
  const alarms = shallowRef(new Map<number, Alarm>())
  const flood = shallowRef<Flood | null>(null)
  const watchers = new Set<(alarm: Alarm, news: News) => void>()
  let opened = false

  /** All that stands, the most pressing first. */
  const list = computed(() => [...alarms.value.values()].sort(pressing))
  /** What nobody has answered. */
  const unanswered = computed(() => list.value.filter((alarm) => alarm.state === 'unacknowledged' || alarm.state === 'returned'))
  const counts = computed(() => {
    const by: Record<AlarmPriority, number> = { high: 0, medium: 0, low: 0 }
    for (const alarm of alarms.value.values()) if (alarm.state !== 'shelved' && alarm.state !== 'out_of_service') by[alarm.priority] += 1
    return by
  })

  /** The log carries everything. */
  const load = () => Promise.resolve()

  function snapshot(rows: { key: string; row: unknown }[]): void {
    const before = alarms.value
    const fresh = rows.filter(({ key }) => key !== floodKey).map(({ row }) => row as Alarm)
    flood.value = (rows.find(({ key }) => key === floodKey)?.row as Flood | undefined) ?? null
    alarms.value = new Map(fresh.map((alarm) => [alarm.id, alarm]))
    // What stood before the page was opened is no news; what came while it was cut off is.
    if (opened) for (const alarm of fresh) tell(before.get(alarm.id), alarm)
    opened = true
  }

  function apply(event: LiveEvent): void {
    if (event.type === 'alarm.flood') flood.value = event.data.flood
    else if (event.type === 'alarm.changed') take(event.data.alarm)
  }

  function take(alarm: Alarm): void {
    const before = alarms.value.get(alarm.id)
    if (alarm.ended_at !== null) alarms.value.delete(alarm.id)
    else alarms.value.set(alarm.id, alarm)
    triggerRef(alarms)
    tell(before, alarm)
  }

  function tell(before: Alarm | undefined, after: Alarm): void {
    const news = newsOf(before, after)
    if (news !== null) for (const watcher of watchers) watcher(after, news)
  }

  /** Calls back on every alarm that is raised or escalated, until the returned function is called. */
  function onNews(watcher: (alarm: Alarm, news: News) => void): () => void {
    watchers.add(watcher)
    return () => watchers.delete(watcher)
  }

  async function move(id: number, input: { move: AlarmMove; reason?: string; until?: string }): Promise<void> {
    await post(`/api/v1/alarms/${id}/moves`, input)
  }

  async function history(id: number): Promise<AlarmEntry[]> {
    return (await request<{ history: AlarmEntry[] }>(`/api/v1/alarms/${id}`)).history
  }

  return { topic: 'alarms', alarms, flood, list, unanswered, counts, load, reload: load, snapshot, apply, onNews, move, history }
})
