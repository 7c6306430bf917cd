import { defineStore } from 'pinia'
import { computed, shallowRef, triggerRef, watch } from 'vue'
import { request } from '../access/http'
import { useGrids } from '../grids/store'
import type { LiveEvent } from '../live/messages'
import { now } from '../live/socket'
import type { Named } from '../i18n'
import { lightOf } from './lights'
import type { Case, Flow, FlowState, Light, Situation } from './types'

/** One change as the map needs it: what was touched since it last looked. */
export type CaseChange = { kind: 'all' } | { kind: 'one'; id: number }

/** How long the situation may lag behind the cases it counts, ms. */
const situationMs = 1_500
/** How often at most lists and lights follow the cases, ms. */
const stirMs = 200
/** Without a change the situation is still asked for: officers come on duty, clocks run out. */
const situationIdleMs = 30_000

/**
 * The open cases, keyed by id, and the figures over them: the log's snapshot and the events after it. A case that is closed
 * leaves the list: the desk asks for it by id.
 */
export const useCases = defineStore('cases', () => {
  const files = shallowRef(new Map<number, Case>())
  const flows = shallowRef(new Map<string, Flow>())
  const flow = computed(() => flows.value.get('incident') ?? null)
  const situation = shallowRef<Situation | null>(null)
  /** The newest arrival on this page, for the tone and the toast. */
  const newest = shallowRef<Case | null>(null)
  const grids = useGrids()
  const watchers = new Set<(change: CaseChange) => void>()
  let stirring: ReturnType<typeof setTimeout> | undefined
  let stirredAt = 0
  let soon: ReturnType<typeof setTimeout> | undefined
  let idle: ReturnType<typeof setTimeout> | undefined

  /** The states of all flows; where two have one name, that of incidents. */
  const states = computed(() => new Map<string, FlowState>([...flows.value.values(), ...(flow.value === null ? [] : [flow.value])].flatMap(({ states }) => states.map((s): [string, FlowState] => [s.state, s]))))
  const flowOf = (file: { flow: string }) => flows.value.get(file.flow) ?? null
  const stateOf = (file: { flow: string; state: string }) => flowOf(file)?.states.find(({ state }) => state === file.state) ?? states.value.get(file.state)
  const stages = computed(() => new Map<string, Named>([...flows.value.values()].flatMap(({ stages }) => stages.map(({ stage, name }): [string, Named] => [stage, name]))))
  const stageName = (stage: string, file?: { flow: string }) => (file && flowOf(file)?.stages.find((known) => known.stage === stage)?.name) ?? stages.value.get(stage) ?? { zh: stage, en: stage }
  const list = computed(() => [...files.value.values()])
  const lights = computed(() => {
    const at = now.value
    const counts: Record<Light, number> = { green: 0, yellow: 0, red: 0, grey: 0 }
    for (const file of files.value.values()) counts[lightOf(file, at)] += 1
    return counts
  })

  const isOpen = (file: Case) => !(stateOf(file)?.final ?? false) && file.closed_at === null

  async function load(): Promise<void> {
    if (flows.value.size === 0) flows.value = new Map((await request<{ flows: Flow[] }>('/api/v1/flows')).flows.map((one) => [one.flow, one]))
    void refresh()
  }

  function snapshot(rows: { row: unknown }[]): void {
    files.value = new Map((rows as { row: Case }[]).map(({ row }) => [row.id, row]))
    rename()
    tell({ kind: 'all' })
  }

  /** A case carries the name that its grid had at its last event: the grid may have another by now. */
  function rename(): void {
    for (const file of files.value.values()) {
      const name = grids.grids.get(file.grid ?? '')?.name
      if (name !== undefined) file.grid_name = name
    }
    triggerRef(files)
  }
  watch(() => grids.grids, rename)

  function apply(event: LiveEvent): void {
    if (event.type !== 'case.reported' && event.type !== 'case.moved' && event.type !== 'case.followed') return
    const file = event.data.case
    if (isOpen(file)) files.value.set(file.id, file)
    else files.value.delete(file.id)
    stir()
    if (event.type === 'case.reported') newest.value = file
    tell({ kind: 'one', id: file.id })
    soon ??= setTimeout(() => void refresh(), situationMs)
  }

  /** What is computed over all cases is computed at once after a change, and in a storm not for each. */
  function stir(): void {
    const wait = stirredAt + stirMs - Date.now()
    if (wait > 0) {
      stirring ??= setTimeout(() => {
        stirring = undefined
        stir()
      }, wait)
      return
    }
    stirredAt = Date.now()
    triggerRef(files)
  }

  async function refresh(): Promise<void> {
    clearTimeout(soon)
    clearTimeout(idle)
    soon = undefined
    try {
      situation.value = await request<Situation>('/api/v1/situation')
    } catch {
      // The link state says that the server is away; the last figures stay.
    }
    clearTimeout(idle)
    idle = setTimeout(() => void refresh(), situationIdleMs)
  }

  function tell(change: CaseChange): void {
    for (const watcher of watchers) watcher(change)
  }

  /** Calls back on every change until the returned function is called. The map listens here, not through refs. */
  function onChange(watcher: (change: CaseChange) => void): () => void {
    watchers.add(watcher)
    return () => watchers.delete(watcher)
  }

  return { topic: 'cases', files, list, flow, states, flowOf, stateOf, stageName, situation, newest, lights, load, reload: load, snapshot, apply, onChange, refresh }
})
