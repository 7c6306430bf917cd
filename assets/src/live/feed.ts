import type { LiveEvent, Message, Positions, Snapshot } from './messages'

/**
 * Where a page stands in the server's log. Pure: the socket feeds it, the fixtures beside it test it and the server.
 *
 * `last` is the newest number that the page may claim to have seen, and so what it comes back with; null asks for
 * snapshots. A hello that announces a replay or snapshots does not move it: they are still to come, and a cut in between
 * must ask for them again.
 */
export interface Feed {
  last: number | null
  audience: string
  /** Snapshots are on their way; a beat says that all of them are there. */
  awaits: boolean
  /** Page clock, ms, of the newest message; silence is counted from here. 0: nothing heard yet. */
  heardAt: number
  /** Server clock minus page clock, ms. */
  offsetMs: number
  offsets: number[]
}

/** What the page does, in this order. */
export type Step =
  | { kind: 'resync' }
  | { kind: 'snapshot'; snapshot: Snapshot }
  | { kind: 'event'; event: LiveEvent }
  | { kind: 'positions'; positions: Positions['positions'] }

export interface Heard {
  feed: Feed
  steps: Step[]
  /** Something between `last` and the newest message is missing: connect anew with `last`. */
  hole: boolean
}

/** No message for this long: the picture is stale, and the page says so. The server beats every 5 s. */
export const silenceMs = 10_000

const offsetsKept = 12

export function start(): Feed {
  return { last: null, audience: '', awaits: false, heardAt: 0, offsetMs: 0, offsets: [] }
}

export function hear(before: Feed, messages: Message[], at: number): Heard {
  const feed = { ...before, heardAt: at }
  const steps: Step[] = []
  for (const message of messages) {
    switch (message.type) {
      case 'hello':
        adjust(feed, message.now, at)
        feed.audience = message.audience
        feed.awaits = message.mode === 'resync'
        if (feed.awaits) {
          steps.push({ kind: 'resync' })
          feed.last = null
        } else if (message.mode === 'live') {
          feed.last = message.seq
        }
        break
      case 'snapshot':
        if (feed.awaits) steps.push({ kind: 'snapshot', snapshot: message })
        break
      case 'beat':
        adjust(feed, message.now, at)
        if (feed.awaits) {
          feed.awaits = false
          feed.last = message.seq
        }
        if (feed.last === null || message.prev > feed.last) return { feed, steps, hole: true }
        feed.last = Math.max(feed.last, message.seq)
        break
      case 'positions':
        steps.push({ kind: 'positions', positions: message.positions })
        break
      default:
        if (feed.last === null || message.prev > feed.last) return { feed, steps, hole: true }
        if (message.seq <= feed.last) break
        feed.last = message.seq
        steps.push({ kind: 'event', event: message })
    }
  }
  return { feed, steps, hole: false }
}

/** The largest of the recent offsets is the message that travelled fastest: the best estimate of the server's clock. */
function adjust(feed: Feed, now: string, at: number): void {
  feed.offsets = [...feed.offsets, Date.parse(now) - at].slice(-offsetsKept)
  feed.offsetMs = Math.max(...feed.offsets)
}

/** How long nothing has been heard, ms; 0 before the first message. */
export function silentFor(feed: Feed, at: number): number {
  return feed.heardAt === 0 ? 0 : Math.max(0, at - feed.heardAt)
}

/** Wait before the n-th reconnect, ms: 0.3 s doubling up to 5 s, spread so that a hall of walls does not return as one. */
export function reconnectDelay(attempt: number, random: number): number {
  const ceiling = Math.min(5_000, 300 * 2 ** attempt)
  return Math.max(150, ceiling * (0.5 + random / 2))
}
