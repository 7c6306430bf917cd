import type { LiveEvent, Message } from './messages'

/**
 * Where a page stands in the server's log. Pure: the socket feeds it, tests feed it.
 *
 * `last` is the newest number the page may claim to have seen, and so what it reconnects with. A hello that announces a
 * replay does not move it: the events up to its number are still to come, and a cut in between must ask for them again.
 */
export interface Feed {
  last: number
  /** Page clock, ms, of the newest message; silence is counted from here. 0: nothing heard yet. */
  heardAt: number
  /** Server clock minus page clock, ms. */
  offsetMs: number
  offsets: number[]
}

export interface Heard {
  feed: Feed
  /** Events that the page has not seen, in order. */
  events: LiveEvent[]
  /** The snapshots must be loaded again. */
  resync: boolean
}

/** No message for this long: the picture is stale, and the page says so. The server beats every 5 s. */
export const silenceMs = 10_000

const offsetsKept = 12

export function start(since: number): Feed {
  return { last: since, heardAt: 0, offsetMs: 0, offsets: [] }
}

export function hear(feed: Feed, messages: Message[], at: number): Heard {
  let { last, offsetMs, offsets } = feed
  const events: LiveEvent[] = []
  let resync = false
  for (const message of messages) {
    switch (message.type) {
      case 'hello':
        ;({ offsetMs, offsets } = adjust(offsets, message.now, at))
        // A log that is shorter than what we have seen is another log: a restored backup, a new database.
        if (message.mode === 'resync' || message.seq < last) {
          resync = true
          last = message.seq
        } else if (message.mode === 'live') {
          last = message.seq
        }
        break
      case 'beat':
        ;({ offsetMs, offsets } = adjust(offsets, message.now, at))
        last = Math.max(last, message.seq)
        break
      default:
        if (message.seq <= last) break
        last = message.seq
        events.push(message)
    }
  }
  return { feed: { last, heardAt: at, offsetMs, offsets }, events, resync }
}

/** The largest of the recent offsets is the message that travelled fastest: the best estimate of the server's clock. */
function adjust(offsets: number[], now: string, at: number): { offsetMs: number; offsets: number[] } {
  const kept = [...offsets, Date.parse(now) - at].slice(-offsetsKept)
  return { offsetMs: Math.max(...kept), offsets: kept }
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
