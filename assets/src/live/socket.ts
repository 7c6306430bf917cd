import { computed, ref, shallowRef } from 'vue'
import { request } from '../access/http'
import { hear, reconnectDelay, silenceMs, silentFor, start, type Feed, type Step } from './feed'
import { parse, type LiveEvent, type Positions, type Snapshot } from './messages'

/**
 * The one connection of a page to the server's log.
 *
 * A page comes without a number and gets snapshots, then every event after them once and in order. A lost connection comes
 * back by itself with the last number seen. When the server says resync, what stands is replaced by the snapshots, and
 * `reload` asks again for what the log does not carry.
 */
export interface Room {
  /** The topic whose snapshot is this room's. */
  topic?: string
  snapshot?(rows: Snapshot['rows']): void
  apply(event: LiveEvent): void
  reload(): Promise<void>
}

export type Link = 'connecting' | 'open' | 'lost'

/** A closed socket is told sooner than a silent one: after this long without a new one. */
const lostMs = 3_000

export const link = ref<Link>('connecting')
/** Server clock, ms since the epoch, ticking once a second: every clock and light on the page reads this one. */
export const now = ref(Date.now())
/** Commit to page, ms, median of the newest events; null until one has come. */
export const delayMs = ref<number | null>(null)
/** Seconds of silence while the page is stale, else null. */
export const staleSeconds = ref<number | null>(null)
export const stale = computed(() => staleSeconds.value !== null)

/** Officers and vehicles by id, as they were last told. */
export const positions = shallowRef(new Map<string, Positions['positions'][number]>())

const feed = shallowRef<Feed>(start())
let arrived: (() => void) | undefined
const rooms: Room[] = []
let topics = ''
let socket: WebSocket | undefined
let openedAt = 0
let attempt = 0
let retry: ReturnType<typeof setTimeout> | undefined
let ticking: ReturnType<typeof setInterval> | undefined
let closedAt = 0
let started = false
let delays: number[] = []

export function serverNow(): number {
  return Date.now() + feed.value.offsetMs
}

/** Starts following the log. Called once a page; it resolves when the first snapshots are there. */
export function follow(wanted: string[], listening: Room[]): Promise<void> {
  feed.value = start()
  topics = wanted.join(',')
  delays = []
  delayMs.value = null
  staleSeconds.value = null
  attempt = 0
  closedAt = 0
  started = false
  rooms.splice(0, rooms.length, ...listening)
  ticking ??= setInterval(tick, 250)
  connect()
  return new Promise((resolve) => (arrived = resolve))
}

export function unfollow(): void {
  clearTimeout(retry)
  clearInterval(ticking)
  ticking = undefined
  rooms.length = 0
  drop()
}

function connect(): void {
  clearTimeout(retry)
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
  const { last, audience } = feed.value
  const place = last === null ? '' : `&since=${last}&audience=${encodeURIComponent(audience)}`
  const opened = new WebSocket(`${scheme}://${location.host}/live?topics=${topics}${place}`)
  socket = opened
  openedAt = Date.now()
  opened.onmessage = (message) => {
    if (socket === opened) receive(String(message.data))
  }
  opened.onclose = () => {
    if (socket === opened) lose()
  }
}

function receive(frame: string): void {
  const messages = parse(frame)
  const heard = hear(feed.value, messages, Date.now())
  feed.value = heard.feed
  link.value = 'open'
  attempt = 0
  closedAt = 0
  staleSeconds.value = null
  for (const step of heard.steps) take(step)
  measure(heard.steps)
  if (heard.hole) return lose()
  if (feed.value.last !== null) arrived?.()
}

/** The first resync is the page's start: its rooms have loaded a moment before. */
function take(step: Step): void {
  switch (step.kind) {
    case 'resync':
      if (started) void Promise.all(rooms.map((room) => room.reload()))
      started = true
      break
    case 'snapshot':
      for (const room of rooms) if (room.topic === step.snapshot.topic) room.snapshot?.(step.snapshot.rows)
      break
    case 'event':
      for (const room of rooms) room.apply(step.event)
      break
    case 'positions': {
      const moved = new Map(positions.value)
      for (const position of step.positions) moved.set(position.id, position)
      positions.value = moved
    }
  }
}

/** A replayed event is old by nature: only what was committed just now tells how fast the push is. */
function measure(steps: Step[]): void {
  const last = steps.findLast((step) => step.kind === 'event')
  if (last === undefined) return
  const newest = last.event
  const took = serverNow() - Date.parse(newest.at)
  if (took > silenceMs) return
  delays = [...delays, Math.max(0, took)].slice(-9)
  delayMs.value = Math.round([...delays].sort((a, b) => a - b)[delays.length >> 1] ?? 0)
}

function lose(): void {
  drop()
  closedAt ||= Date.now()
  link.value = 'lost'
  // A refused upgrade tells the page nothing; an ordinary question does, and a gone session is acted on there.
  if (attempt % 4 === 2) request('/api/v1/session').catch(() => undefined)
  retry = setTimeout(connect, reconnectDelay(attempt, Math.random()))
  attempt += 1
}

function drop(): void {
  if (socket === undefined) return
  socket.onmessage = null
  socket.onclose = null
  socket.close()
  socket = undefined
}

function tick(): void {
  const at = Date.now()
  const second = Math.floor(serverNow() / 1000) * 1000
  if (second !== now.value) now.value = second
  const silent = silentFor(feed.value, at)
  const gone = closedAt !== 0 && at - closedAt >= lostMs
  staleSeconds.value = silent >= silenceMs || (gone && silent > 0) ? Math.floor(silent / 1000) : null
  // Half-open: the network went away without a word, so nothing will ever close this socket for us. A new one gets its time.
  if (socket !== undefined && Math.min(silent, at - openedAt) >= silenceMs) lose()
}
