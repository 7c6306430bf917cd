import { computed, ref, shallowRef } from 'vue'
import { request } from '../access/http'
import { hear, reconnectDelay, silenceMs, silentFor, start, type Feed } from './feed'
import { parse, type LiveEvent } from './messages'

/**
 * The one connection of a page to the server's log.
 *
 * Rooms load their snapshot, then `follow` from the oldest of the snapshots' numbers; each room drops what its own snapshot
 * already holds. Lost connections come back by themselves with the last number seen; when the server says that too much was
 * missed, every room's `reload` is called.
 */
export interface Room {
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

const feed = shallowRef<Feed>(start(0))
const rooms: Room[] = []
let topics = ''
let socket: WebSocket | undefined
let openedAt = 0
let attempt = 0
let retry: ReturnType<typeof setTimeout> | undefined
let ticking: ReturnType<typeof setInterval> | undefined
let closedAt = 0
let delays: number[] = []

export function serverNow(): number {
  return Date.now() + feed.value.offsetMs
}

/** Starts following the log after `since`. Called once a page, when the snapshots are there. */
export function follow(since: number, wanted: string[], listening: Room[]): void {
  feed.value = start(since)
  topics = wanted.join(',')
  delays = []
  delayMs.value = null
  staleSeconds.value = null
  attempt = 0
  closedAt = 0
  rooms.splice(0, rooms.length, ...listening)
  ticking ??= setInterval(tick, 250)
  connect()
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
  const opened = new WebSocket(`${scheme}://${location.host}/live?since=${feed.value.last}&topics=${topics}`)
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
  measure(heard.events)
  if (heard.resync) void Promise.all(rooms.map((room) => room.reload()))
  for (const event of heard.events) for (const room of rooms) room.apply(event)
}

/** A replayed event is old by nature: only what was committed just now tells how fast the push is. */
function measure(events: LiveEvent[]): void {
  const newest = events.at(-1)
  if (newest === undefined) return
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
