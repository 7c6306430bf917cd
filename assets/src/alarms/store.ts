import { defineStore } from 'pinia'
import { computed, ref, shallowRef, triggerRef } from 'vue'
import { post, request } from '../access/http'
import type { LiveEvent } from '../live/messages'
import { newsOf, pressing, type News } from './pressing'
import type { Alarm, AlarmEntry, AlarmMove, AlarmPriority, Flood } from './types'

/** The alarms that stand, keyed by id, and the flood. The list stands for one number of the log, as the list of cases does. */
export const useAlarms = defineStore('alarms', () => {
  const alarms = shallowRef(new Map<number, Alarm>())
  const flood = shallowRef<Flood | null>(null)
  const seq = ref(0)
  const watchers = new Set<(alarm: Alarm, news: News) => void>()
  /** What events said while a list was under way; null is an alarm that is over. */
  let touched = new Map<number, { seq: number; alarm: Alarm | null }>()
  let floodSeq = 0
  let loaded = false

  /** All that stands, the most pressing first. */
  const list = computed(() => [...alarms.value.values()].sort(pressing))
  /** What nobody has answered. */
  const unanswered = computed(() => list.value.filter((alarm) => alarm.state === 'unacknowledged' || alarm.state === 'returned'))
  const counts = computed(() => {
    const by: Record<AlarmPriority, number> = { high: 0, medium: 0, low: 0 }
    for (const alarm of alarms.value.values()) if (alarm.state !== 'shelved' && alarm.state !== 'out_of_service') by[alarm.priority] += 1
    return by
  })

  async function load(): Promise<void> {
    const answer = await request<{ seq: number; flood: Flood | null; alarms: Alarm[] }>('/api/v1/alarms')
    const fresh = new Map(answer.alarms.map((alarm) => [alarm.id, alarm]))
    for (const [id, kept] of touched) {
      if (kept.seq <= answer.seq) continue
      if (kept.alarm === null) fresh.delete(id)
      else fresh.set(id, kept.alarm)
    }
    touched = new Map()
    if (floodSeq <= answer.seq) flood.value = answer.flood
    const before = alarms.value
    seq.value = answer.seq
    alarms.value = fresh
    // What stood before the page was opened is no news; what came while it was cut off is.
    if (loaded) for (const alarm of fresh.values()) tell(before.get(alarm.id), alarm)
    loaded = true
  }

  function apply(event: LiveEvent): void {
    if (event.type === 'alarm.flood') {
      if (event.seq <= seq.value) return
      floodSeq = event.seq
      flood.value = event.data.flood
      return
    }
    if (event.type !== 'alarm.changed' || event.seq <= seq.value) return
    const { alarm } = event.data
    const over = alarm.ended_at !== null
    touched.set(alarm.id, { seq: event.seq, alarm: over ? null : alarm })
    if (touched.size > 10_000) touched = new Map()
    take(alarm)
  }

  /** Puts a newer one in the place of an older one. */
  function take(alarm: Alarm): void {
    const before = alarms.value.get(alarm.id)
    if (before !== undefined && before.version > alarm.version) return
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

  return { alarms, flood, seq, list, unanswered, counts, load, reload: load, apply, onNews, move, history }
})
