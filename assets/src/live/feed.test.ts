import { describe, expect, it } from 'vitest'
import { hear, reconnectDelay, silenceMs, silentFor, start } from './feed'
import type { LiveEvent, Message } from './messages'

const now = '2026-11-24T06:00:00.000Z'
const at = Date.parse(now)
const event = (seq: number): LiveEvent => ({ seq, type: 'grid.changed', at: now, data: {} })
const hello = (mode: 'live' | 'replay' | 'resync', seq: number): Message => ({ type: 'hello', seq, now, mode })

describe('the feed', () => {
  it('applies what is new, in order, and drops what it has seen', () => {
    const heard = hear(start(5), [event(4), event(5), event(6), event(6), event(7)], at)
    expect(heard.events.map((e) => e.seq)).toEqual([6, 7])
    expect(heard.feed.last).toBe(7)
  })

  it('keeps its place through a replay that is cut, so that the rest is asked for again', () => {
    const cut = hear(start(5), [hello('replay', 20), event(6), event(7)], at)
    expect(cut.feed.last).toBe(7)
    expect(cut.resync).toBe(false)
    const again = hear(cut.feed, [hello('replay', 20), event(8)], at)
    expect(again.events.map((e) => e.seq)).toEqual([8])
  })

  it('takes the number of a live hello and of a beat, because its topics may be silent', () => {
    expect(hear(start(5), [hello('live', 9)], at).feed.last).toBe(9)
    expect(hear(start(5), [{ type: 'beat', seq: 11, now }], at).feed.last).toBe(11)
  })

  it('asks for the snapshots when too much was missed', () => {
    const heard = hear(start(5), [hello('resync', 90_000), event(90_001)], at)
    expect(heard.resync).toBe(true)
    expect(heard.events.map((e) => e.seq)).toEqual([90_001])
  })

  it('takes a log that is shorter than what it has seen for another log', () => {
    const heard = hear(start(500), [hello('live', 12)], at)
    expect(heard.resync).toBe(true)
    expect(heard.feed.last).toBe(12)
  })

  it('takes the server clock from the message that travelled fastest', () => {
    const slow = hear(start(0), [hello('live', 0)], at - 60_000 + 800)
    expect(slow.feed.offsetMs).toBe(59_200)
    const fast = hear(slow.feed, [{ type: 'beat', seq: 0, now }], at - 60_000 + 3)
    expect(fast.feed.offsetMs).toBe(59_997)
  })

  it('counts silence from the newest message, and none before the first', () => {
    expect(silentFor(start(0), at)).toBe(0)
    const { feed } = hear(start(0), [hello('live', 0)], at)
    expect(silentFor(feed, at + silenceMs)).toBe(silenceMs)
  })

  it('waits 0.15 to 0.3 s before the first reconnect and never over 5 s', () => {
    expect(reconnectDelay(0, 0)).toBe(150)
    expect(reconnectDelay(0, 1)).toBe(300)
    expect(reconnectDelay(30, 1)).toBe(5_000)
    expect(reconnectDelay(30, 0)).toBe(2_500)
  })
})
