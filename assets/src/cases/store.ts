import { defineStore } from 'pinia'
import { computed, ref, shallowRef, triggerRef } from 'vue'
import { request } from '../access/http'
import type { LiveEvent } from '../live/messages'
import { now } from '../live/socket'
import { lightOf } from './lights'
import type { Case, Flow, FlowState, Light, Situation } from './types'

interface CaseList {
  seq: number
  cases: Case[]
  next: number | null
}

/** One change as the map needs it: what was touched since it last looked. */
export type CaseChange = { kind: 'all' } | { kind: 'one'; id: number }

/** How long the situation may lag behind the cases it counts, ms. */
const situationMs = 1_500
/** Without a change the situation is still asked for: officers come on duty, clocks run out. */
const situationIdleMs = 30_000
const pageSize = 5_000

/**
 * The open cases, keyed by id, and the figures over them. The list stands for one number of the log; an event at or below
 * it is already in the list. A case that is closed leaves the list: the desk asks for it by id.
 */
export const useCases = defineStore('cases', () => {
  const files = shallowRef(new Map<number, Case>())
  const seq = ref(0)
  const flow = shallowRef<Flow | null>(null)
  const situation = shallowRef<Situation | null>(null)
  /** The newest arrival on this page, for the tone and the toast. */
  const newest = shallowRef<Case | null>(null)
  const watchers = new Set<(change: CaseChange) => void>()
  /** Number of the event that last touched a case while a snapshot was under way. */
  const touched = new Map<number, number>()
  let situationTimer: ReturnType<typeof setTimeout> | undefined

  const states = computed(() => new Map<string, FlowState>((flow.value?.states ?? []).map((s) => [s.state, s])))
  const list = computed(() => [...files.value.values()])
  const lights = computed(() => {
    const at = now.value
    const counts: Record<Light, number> = { green: 0, yellow: 0, red: 0, grey: 0 }
    for (const file of files.value.values()) counts[lightOf(file, at)] += 1
    return counts
  })

  const isOpen = (file: Case) => !(states.value.get(file.state)?.final ?? false) && file.closed_at === null

  async function load(): Promise<void> {
    flow.value ??= await request<Flow>('/api/v1/flows/incident')
    const fresh = new Map<number, Case>()
    let first: number | null = null
    let after: number | null = null
    do {
      const page: CaseList = await request<CaseList>(
        `/api/v1/cases?open=true&limit=${pageSize}${after === null ? '' : `&after=${after}`}`,
      )
      // Pages are read one after the other: the first number is the one that all of them have passed.
      first ??= page.seq
      for (const file of page.cases) if (isOpen(file)) fresh.set(file.id, file)
      after = page.next
    } while (after !== null)
    merge(fresh, first)
    void refresh()
  }

  /** An event that came while the list was on its way is newer than the list. */
  function merge(fresh: Map<number, Case>, at: number): void {
    for (const [id, eventSeq] of touched) {
      if (eventSeq <= at) continue
      const kept = files.value.get(id)
      if (kept === undefined) fresh.delete(id)
      else fresh.set(id, kept)
    }
    touched.clear()
    seq.value = at
    files.value = fresh
    tell({ kind: 'all' })
  }

  function apply(event: LiveEvent): void {
    if (event.type !== 'case.reported' && event.type !== 'case.moved') return
    if (event.seq <= seq.value) return
    const file = event.data.case
    touched.set(file.id, event.seq)
    if (touched.size > 10_000) touched.clear()
    if (isOpen(file)) files.value.set(file.id, file)
    else files.value.delete(file.id)
    triggerRef(files)
    if (event.type === 'case.reported') newest.value = file
    tell({ kind: 'one', id: file.id })
    clearTimeout(situationTimer)
    situationTimer = setTimeout(() => void refresh(), situationMs)
  }

  async function refresh(): Promise<void> {
    clearTimeout(situationTimer)
    try {
      situation.value = await request<Situation>('/api/v1/situation')
    } catch {
      // The link state says that the server is away; the last figures stay.
    }
    situationTimer = setTimeout(() => void refresh(), situationIdleMs)
  }

  function tell(change: CaseChange): void {
    for (const watcher of watchers) watcher(change)
  }

  /** Calls back on every change until the returned function is called. The map listens here, not through refs. */
  function onChange(watcher: (change: CaseChange) => void): () => void {
    watchers.add(watcher)
    return () => watchers.delete(watcher)
  }

  return { files, list, seq, flow, states, situation, newest, lights, load, reload: load, apply, onChange, refresh }
})
