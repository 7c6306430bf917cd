import { describe, expect, it } from 'vitest'
import { hear, reconnectDelay, silenceMs, silentFor, start, type Feed, type Step } from './feed'
import fixtures from './fixtures.json'
import type { Message } from './messages'

const now = '2026-11-24T06:00:00.000Z'
const at = Date.parse(now)
const hello = (seq: number): Message => ({ type: 'hello', mode: 'live', seq, audience: 'a1', now })
const since = (last: number | null): Feed => ({ ...start(), last })

function only<K extends Step['kind']>(steps: Step[], kind: K): Extract<Step, { kind: K }>[] {
  return steps.filter((step): step is Extract<Step, { kind: K }> => step.kind === kind)
}

describe('the feed', () => {
  // The server's own client is held to the same file.
  it.each(fixtures)('$about', ({ last, messages, expect: want }) => {
    for (const frames of [[messages], messages.map((message) => [message])]) {
      let feed = since(last)
      const steps: Step[] = []
      let hole = false
      for (const frame of frames) {
        if (hole) break
        const heard = hear(feed, frame as Message[], at)
        feed = heard.feed
        steps.push(...heard.steps)
        hole = heard.hole
      }
      expect({
        last: feed.last,
        events: only(steps, 'event').map(({ event }) => event.seq),
        snapshots: only(steps, 'snapshot').map(({ snapshot }) => snapshot.topic),
        resyncs: only(steps, 'resync').length,
        positions: only(steps, 'positions').length,
        hole,
      }).toEqual(want)
    }
  })

  it('takes the server clock from the message that travelled fastest', () => {
    const slow = hear(since(0), [hello(0)], at - 60_000 + 800)
    expect(slow.feed.offsetMs).toBe(59_200)
    const fast = hear(slow.feed, [{ type: 'beat', seq: 0, prev: 0, now }], at - 60_000 + 3)
    expect(fast.feed.offsetMs).toBe(59_997)
  })

  it('counts silence from the newest message, and none before the first', () => {
    expect(silentFor(start(), at)).toBe(0)
    const { feed } = hear(start(), [hello(0)], at)
    expect(silentFor(feed, at + silenceMs)).toBe(silenceMs)
  })

  it('waits 0.15 to 0.3 s before the first reconnect and never over 5 s', () => {
    expect(reconnectDelay(0, 0)).toBe(150)
    expect(reconnectDelay(0, 1)).toBe(300)
    expect(reconnectDelay(30, 1)).toBe(5_000)
    expect(reconnectDelay(30, 0)).toBe(2_500)
  })
})
