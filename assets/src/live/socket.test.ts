import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { delayMs, follow, link, now, staleSeconds, unfollow } from './socket'
import type { LiveEvent, Message } from './messages'

/** The wire, without the network: what the page opened, and hands to push and cut. */
class Wire {
  static readonly OPEN = 1
  static opened: Wire[] = []
  readyState = Wire.OPEN
  onmessage: ((message: { data: string }) => void) | null = null
  onclose: (() => void) | null = null

  constructor(readonly url: string) {
    Wire.opened.push(this)
  }

  close(): void {
    this.readyState = 3
  }

  say(...messages: Message[]): void {
    this.onmessage?.({ data: JSON.stringify(messages) })
  }

  cut(): void {
    this.readyState = 3
    this.onclose?.()
  }

  get since(): string | null {
    return new URL(this.url).searchParams.get('since')
  }
}

const newest = () => {
  const wire = Wire.opened.at(-1)
  if (wire === undefined) throw new Error('the page opened no socket')
  return wire
}
const iso = () => new Date(Date.now()).toISOString()
const event = (seq: number): LiveEvent => ({ seq, prev: seq - 1, type: 'grid.changed', at: iso(), data: {} })
const hello = (mode: 'live' | 'replay' | 'resync', seq: number): Message => ({ type: 'hello', mode, seq, audience: 'a1', now: iso() })
const live = (seq: number) => hello('live', seq)
const beat = (seq: number): Message => ({ type: 'beat', seq, prev: 0, now: iso() })
const snapshot = (seq: number, ...keys: string[]): Message => ({ type: 'snapshot', seq, topic: 'cases', rows: keys.map((key) => ({ key, row: {} })) })

let applied: number[]
let reloads: number
let rows: string[]
let arrived: boolean
const room = {
  topic: 'cases',
  snapshot: (list: { key: string }[]) => void (rows = list.map(({ key }) => key)),
  apply: (e: LiveEvent) => void applied.push(e.seq),
  reload: () => {
    reloads += 1
    return Promise.resolve()
  },
}

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-24T06:00:00Z') })
  vi.stubGlobal('WebSocket', Wire)
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('no network')))
  Wire.opened = []
  applied = []
  reloads = 0
  rows = []
  arrived = false
  void follow(['cases'], [room]).then(() => (arrived = true))
  newest().say(hello('resync', 7), snapshot(7, '1', '2'), beat(7))
})

afterEach(() => {
  unfollow()
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

describe('the live socket', () => {
  it('comes back with the last number it has seen and applies nothing twice', () => {
    newest().say(event(8), event(9))
    newest().cut()
    expect(link.value).toBe('lost')
    vi.advanceTimersByTime(300)
    expect(newest().since).toBe('9')
    newest().say(hello('replay', 11), event(9), event(10), event(11))
    expect(link.value).toBe('open')
    expect(applied).toEqual([8, 9, 10, 11])
  })

  it('goes on trying while the server is away, never slower than every 5 s', () => {
    newest().say(live(7))
    newest().cut()
    for (let second = 0; second < 60; second += 1) {
      vi.advanceTimersByTime(1_000)
      if (newest().readyState === Wire.OPEN) newest().cut()
    }
    expect(Wire.opened.length).toBeGreaterThan(12)
  })

  it('says stale after 10 s of silence, counts, and drops the half-open socket', () => {
    newest().say(live(7))
    const dead = newest()
    vi.advanceTimersByTime(9_750)
    expect(staleSeconds.value).toBeNull()
    vi.advanceTimersByTime(250)
    expect(staleSeconds.value).toBe(10)
    vi.advanceTimersByTime(3_000)
    expect(staleSeconds.value).toBe(13)
    expect(dead.readyState).toBe(3)
    newest().say(live(7))
    expect(staleSeconds.value).toBeNull()
  })

  it('stays fresh on beats alone', () => {
    newest().say(live(7))
    for (let n = 0; n < 6; n += 1) {
      vi.advanceTimersByTime(5_000)
      newest().say({ type: 'beat', seq: 7, prev: 7, now: iso() })
    }
    expect(staleSeconds.value).toBeNull()
    expect(Wire.opened).toHaveLength(1)
  })

  it('begins with the snapshots, and a page has loaded nothing twice', async () => {
    expect(new URL(Wire.opened[0]?.url ?? '').searchParams.get('since')).toBeNull()
    await Promise.resolve()
    expect([rows, reloads, arrived]).toEqual([['1', '2'], 0, true])
  })

  it('takes new snapshots when the server says that too much was missed, and comes back for them when they are cut', () => {
    newest().say(hello('resync', 9_000))
    expect(reloads).toBe(1)
    newest().cut()
    vi.advanceTimersByTime(300)
    expect(newest().since).toBeNull()
    newest().say(hello('resync', 9_001), snapshot(9_001, '3'), beat(9_001))
    expect(rows).toEqual(['3'])
    newest().cut()
    vi.advanceTimersByTime(300)
    expect(newest().since).toBe('9001')
    expect(new URL(newest().url).searchParams.get('audience')).toBe('a1')
  })

  it('connects anew where something is missing, and applies nothing behind it', () => {
    newest().say(event(8))
    const holed = newest()
    newest().say(event(12))
    vi.advanceTimersByTime(300)
    expect(holed.readyState).toBe(3)
    expect(newest().since).toBe('8')
    expect(applied).toEqual([8])
  })

  it('ticks with the clock of the server, not of the page', () => {
    newest().say({ ...hello('live', 7), now: '2026-11-24T08:00:00Z' } as Message)
    vi.advanceTimersByTime(2_000)
    expect(new Date(now.value).toISOString()).toBe('2026-11-24T08:00:02.000Z')
  })

  it('measures the push on fresh events only', () => {
    newest().say(live(7))
    vi.advanceTimersByTime(1_000)
    const old = { ...event(8), at: '2026-11-24T05:00:00Z' }
    newest().say(old)
    expect(delayMs.value).toBeNull()
    const fresh = event(9)
    vi.advanceTimersByTime(40)
    newest().say(fresh)
    expect(delayMs.value).toBe(40)
  })
})
