import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { post, request } from '../access/http'
import type { Place } from '../cases/types'
import type { LiveEvent } from '../live/messages'
import type { Named } from '../i18n'
import type { Camera, CameraState } from './types'

/** A camera as its keepers see it: everything but what opens it. */
export interface Record extends Camera {
  indoor: boolean
  purpose: string
  group: string
  upstream: string
  switch: string
  owner: string
  maker: string
  model: string
  address: string
  civil_code: string
  ptz_type: number | null
  position_type: number | null
  use_type: number | null
  light_type: number | null
  sign: boolean | null
  /** Without credentials. */
  url: string
  sub_url: string
  credentials: boolean
  secret: boolean
  pinned: boolean
  enabled: boolean
}

/** What the form sends: a record, and credentials where they are new. */
export type Draft = Omit<Record, 'grid' | 'state' | 'reason' | 'since' | 'relay' | 'credentials'> & { username: string; password: string }

/** An ONVIF device that answered a probe; `cameras` are those of the registry that come from its host. */
export interface Device {
  address: string
  name: string
  hardware: string
  cameras: string[]
}

/** What a device is, and how it is played: RTSP without credentials, the main picture first. */
export interface Pictures {
  maker: string
  model: string
  profiles: { name: string; codec: string; width: number; height: number; ptz: boolean; url: string }[]
}

export interface Strip {
  share: number | null
  losses: number
  /** A letter an hour: u up, l late, o offline, a refused, p no picture, - not known. */
  hours: string
}

export interface Finding {
  state: CameraState
  good: boolean
  lines: Named[]
  advice: Named[]
}

export interface Change {
  id: number
  at: string
  who: string
  how: string
  field: string
  before: string | null
  after: string | null
}

export interface Span {
  at: string
  up_s: number
  late_s: number
  offline_s: number
  auth_s: number
  picture_s: number
  losses: number
}

export interface Availability {
  from: string
  to: string
  step_s: number
  share: number | null
  known_s: number
  losses: number
  spans: Span[]
}

export interface ImportReport {
  read: number
  written: number
  refused: number
  dry_run: boolean
  refusals: { line: number; key?: string; reason: Named }[]
  warnings: { reason: Named; count: number }[]
}

type State = Pick<Camera, 'id' | 'state' | 'reason' | 'since'>

export interface Filter {
  state: CameraState | ''
  /** null: all; the empty group is one too. */
  group: string | null
  purpose: string | null
  enabled: boolean
  text: string
}

const nothing: Filter = { state: '', group: null, purpose: null, enabled: false, text: '' }
const stripsEveryMs = 60_000
/** What needs somebody first. */
const urgency: CameraState[] = ['offline', 'stalled', 'auth_failed', 'frozen', 'no_keyframe', 'wrong_codec', 'late', 'connecting', 'live', 'online', 'unknown']

/** The registry: records by id, what is shown of them, and what can be done to them. */
export const useRegistry = defineStore('registry', () => {
  const records = shallowRef(new Map<string, Record>())
  const strips = shallowRef<{ [id: string]: Strip }>({})
  const filter = ref<Filter>({ ...nothing })
  /** Those that the text fits, as the server reads it (pinyin too); null without a text. */
  const fits = shallowRef<Set<string> | null>(null)
  let asked = 0

  async function load(): Promise<void> {
    const answer = await request<{ cameras: Record[] }>('/api/v1/cameras/registry')
    records.value = new Map(answer.cameras.map((camera) => [camera.id, camera]))
    if (filter.value.text.trim() !== '') await search()
  }

  async function loadStrips(): Promise<void> {
    try {
      strips.value = (await request<{ cameras: { [id: string]: Strip } }>('/api/v1/cameras/availability?hours=24')).cameras
    } catch {
      // The banner says that the server is away; the last strips stay.
    }
    setTimeout(() => void loadStrips(), stripsEveryMs)
  }

  async function search(): Promise<void> {
    const text = filter.value.text.trim()
    asked += 1
    const mine = asked
    if (text === '') {
      fits.value = null
      return
    }
    const answer = await request<{ cameras: Record[] }>(`/api/v1/cameras/registry?q=${encodeURIComponent(text)}`)
    if (mine === asked) fits.value = new Set(answer.cameras.map((camera) => camera.id))
  }

  function show(told: State[]): void {
    const next = new Map(records.value)
    for (const { id, state, reason, since } of told) {
      const record = next.get(id)
      if (record?.enabled === true) next.set(id, { ...record, state, reason, since })
    }
    records.value = next
  }

  function snapshot(rows: { row: unknown }[]): void {
    show((rows as { row: State }[]).map(({ row }) => row))
  }

  function apply(event: LiveEvent): void {
    if (event.type === 'camera.changed') void load()
    else if (event.type === 'camera.state') show(event.data.cameras)
  }

  const all = computed(() => [...records.value.values()].sort((a, b) => urgency.indexOf(a.state) - urgency.indexOf(b.state)))
  const shown = computed(() =>
    all.value.filter(
      (r) =>
        (filter.value.state === '' || r.state === filter.value.state) &&
        (filter.value.group === null || r.group === filter.value.group) &&
        (filter.value.purpose === null || r.purpose === filter.value.purpose) &&
        (!filter.value.enabled || r.enabled) &&
        (fits.value === null || fits.value.has(r.id)),
    ),
  )
  const states = computed(() => {
    const counts = new Map<CameraState, number>()
    for (const r of all.value) counts.set(r.state, (counts.get(r.state) ?? 0) + 1)
    return counts
  })
  const sorted = (values: string[]) => [...new Set(values)].sort((a, b) => a.localeCompare(b, 'zh-CN'))
  const groups = computed(() => sorted(all.value.map((r) => r.group)))
  const purposes = computed(() => sorted(all.value.map((r) => r.purpose)))
  const filtered = computed(() => JSON.stringify(filter.value) !== JSON.stringify(nothing))

  function clear(): void {
    filter.value = { ...nothing }
    fits.value = null
  }

  async function save(draft: Draft): Promise<void> {
    await post('/api/v1/cameras', draft)
    await load()
  }

  async function remove(id: string): Promise<void> {
    await request(`/api/v1/cameras/${encodeURIComponent(id)}`, { method: 'DELETE' })
    await load()
  }

  async function bulk(ids: string[], action: string, value = ''): Promise<number> {
    const { changed } = await post<{ changed: number }>('/api/v1/cameras/bulk', { ids, action, value })
    await load()
    return changed
  }

  return { topic: 'cameras', records, strips, filter, fits, all, shown, states, groups, purposes, filtered, load, reload: load, loadStrips, search, snapshot, apply, clear, save, remove, bulk }
})

/** A form for a camera that is not there yet, at a place. */
export function blank(location: Place): Draft {
  return {
    id: '', name: '', url: '', sub_url: '', username: '', password: '', location, bearing: null, angle: null, range_m: null, height_m: null,
    ptz: false, indoor: false, secret: false, pinned: false, enabled: true, purpose: '', group: '', upstream: '', switch: '', owner: '', maker: '', model: '',
    address: '', civil_code: '', ptz_type: null, position_type: null, use_type: null, light_type: null, sign: null,
  }
}

/** The form of a record. */
export function draftOf(record: Record): Draft {
  const form: Partial<Record> = { ...record, location: { ...record.location } }
  delete form.grid
  delete form.state
  delete form.reason
  delete form.since
  delete form.credentials
  return { ...blank(record.location), ...form }
}
