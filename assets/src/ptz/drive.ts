import { onBeforeUnmount, onMounted, ref, shallowRef } from 'vue'
import type { Place } from '../cases/types'
import type { Named } from '../i18n'

export interface Aim {
  /** Degrees clockwise from north. */
  bearing_deg: number
  /** Degrees above the horizon; negative below. */
  tilt_deg: number
  /** 0 to 1. */
  zoom: number
}

export interface Sector {
  name: string
  from_deg: number
  to_deg: number
  low_deg: number
  high_deg: number
}

export interface HeadState {
  type: 'state'
  driver: { username: string; name: string; since: string } | null
  you: boolean
  at: Aim | null
  presets: { token: string; name: string; at: Aim | null }[]
  no_look: Sector[]
  can_look: boolean
  trouble: Named | null
}

type Told =
  | HeadState
  | { type: 'at'; at: Aim }
  | { type: 'held' | 'trouble'; reason: Named }
  | { type: 'lost'; by: string }

/** A part of the head's full speed: right, up and in are positive, each from -1 to 1. */
export interface Speed {
  pan: number
  tilt: number
  zoom: number
}

export type Note = { kind: 'held' | 'trouble'; reason: Named } | { kind: 'lost'; by: string } | { kind: 'cut' }

/** The server stops a head that hears nothing for 220 ms. */
const repeatMs = 60
const againMs = 1000
const noteMs = 6000

const steps: Record<string, Speed> = {
  ArrowLeft: { pan: -1, tilt: 0, zoom: 0 },
  ArrowRight: { pan: 1, tilt: 0, zoom: 0 },
  ArrowUp: { pan: 0, tilt: 1, zoom: 0 },
  ArrowDown: { pan: 0, tilt: -1, zoom: 0 },
  '+': { pan: 0, tilt: 0, zoom: 1 },
  '=': { pan: 0, tilt: 0, zoom: 1 },
  '-': { pan: 0, tilt: 0, zoom: -1 },
}

/** What the held keys add up to; each part stays within -1 and 1. */
export function sum(held: Iterable<Speed>, factor: number): Speed {
  const all = { pan: 0, tilt: 0, zoom: 0 }
  for (const { pan, tilt, zoom } of held) {
    all.pan += pan
    all.tilt += tilt
    all.zoom += zoom
  }
  const part = (value: number) => Math.max(-1, Math.min(1, value)) * factor
  return { pan: part(all.pan), tilt: part(all.tilt), zoom: part(all.zoom) }
}

/** Drives one head while the component lives: wishes are repeated while something is held, and end with it. */
export function useDrive(camera: string) {
  const state = shallowRef<HeadState | null>(null)
  const note = shallowRef<Note | null>(null)
  const speed = ref(0.5)
  const moving = ref(false)
  const held = new Map<string, Speed>()
  let socket: WebSocket | undefined
  let beat: ReturnType<typeof setInterval> | undefined
  let again: ReturnType<typeof setTimeout> | undefined
  let fade: ReturnType<typeof setTimeout> | undefined
  let left = false

  function say(message: object): void {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
  }

  function tell(next: Note | null): void {
    note.value = next
    clearTimeout(fade)
    if (next !== null && next.kind !== 'lost' && next.kind !== 'cut') fade = setTimeout(() => (note.value = null), noteMs)
  }

  function hear(told: Told): void {
    switch (told.type) {
      case 'state':
        if (note.value?.kind === 'cut' || told.you) tell(null)
        state.value = told
        if (!told.you) letGo()
        break
      case 'at':
        if (state.value !== null) state.value = { ...state.value, at: told.at }
        break
      case 'held':
      case 'trouble':
        tell({ kind: told.type, reason: told.reason })
        break
      case 'lost':
        letGo()
        tell({ kind: 'lost', by: told.by })
        break
      default:
        told satisfies never
    }
  }

  function connect(): void {
    socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/v1/cameras/${encodeURIComponent(camera)}/ptz/drive`)
    socket.onmessage = (event) => hear(JSON.parse(event.data as string) as Told)
    socket.onclose = () => {
      letGo()
      if (left) return
      if (state.value !== null) {
        state.value = { ...state.value, driver: null, you: false }
        tell({ kind: 'cut' })
      }
      again = setTimeout(connect, againMs)
    }
  }

  function hold(key: string, step: Speed): void {
    if (state.value?.you !== true || held.has(key)) return
    held.set(key, step)
    moving.value = true
    say({ move: sum(held.values(), speed.value) })
    beat ??= setInterval(() => say({ move: sum(held.values(), speed.value) }), repeatMs)
  }

  function release(key: string): void {
    if (held.delete(key) && held.size === 0) letGo()
  }

  function letGo(): void {
    held.clear()
    if (beat === undefined) return
    clearInterval(beat)
    beat = undefined
    moving.value = false
    say({ stop: true })
  }

  function down(event: KeyboardEvent): void {
    const step = steps[event.key]
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return
    if (state.value?.you !== true || (event.target instanceof HTMLElement && event.target.matches('input, textarea, select'))) return
    event.preventDefault()
    hold(event.key, step)
  }
  const up = (event: KeyboardEvent) => release(event.key)

  onMounted(() => {
    connect()
    window.addEventListener('keydown', down)
    window.addEventListener('keyup', up)
    window.addEventListener('blur', letGo)
    document.addEventListener('visibilitychange', letGo)
  })
  onBeforeUnmount(() => {
    left = true
    letGo()
    socket?.close()
    clearTimeout(again)
    clearTimeout(fade)
    window.removeEventListener('keydown', down)
    window.removeEventListener('keyup', up)
    window.removeEventListener('blur', letGo)
    document.removeEventListener('visibilitychange', letGo)
  })

  return {
    state,
    note,
    speed,
    moving,
    hold,
    release,
    take: (over: boolean) => say(over ? { take_over: true } : { take: true }),
    leave: () => say({ release: true }),
    goTo: (token: string) => say({ goto: token }),
    save: (name: string) => say({ save: { name } }),
    look: ({ lon, lat }: Place) => say({ look: { lon, lat } }),
  }
}
