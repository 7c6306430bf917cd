import { ref, type Ref } from 'vue'
import { Problem } from '../access/http'
import { pause } from '../streams/player'
import { follow, type Room } from './socket'

export interface StartingRoom extends Room {
  /** What the log does not carry. */
  load(): Promise<void>
}

export type Start = { kind: 'loading' } | { kind: 'ready' } | { kind: 'failed'; problem: Problem }

/**
 * Asks which rooms the page has, loads what each of them needs beside the log, then follows the log. While the server
 * cannot be reached it tries again every 2 s: a wall that is switched on before its server must come up by itself.
 */
export function start(open: () => Promise<StartingRoom[]>, topics: string[]): Ref<Start> {
  const state = ref<Start>({ kind: 'loading' }) as Ref<Start>
  void run(state, open, topics)
  return state
}

async function run(state: Ref<Start>, open: () => Promise<StartingRoom[]>, topics: string[]): Promise<void> {
  const never = new AbortController().signal
  let rooms: StartingRoom[]
  for (;;) {
    try {
      rooms = await open()
      await Promise.all(rooms.map((room) => room.load()))
      break
    } catch (cause) {
      const problem = cause instanceof Problem ? cause : new Problem(0, 'broken', String(cause))
      state.value = { kind: 'failed', problem }
      await pause(2_000, never)
    }
  }
  await follow(topics, rooms)
  state.value = { kind: 'ready' }
}
