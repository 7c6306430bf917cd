import type { Alarm, Flood } from '../alarms/types'
import type { Case, MoveMade } from '../cases/types'
import type { CameraState } from '../cameras/types'
import type { Named } from '../i18n'
import type { Show } from '../wall/store'

/**
 * First frame of a connection. live: nothing was missed; replay: the events after `since` follow; resync: snapshots follow,
 * all of them for the number `seq`. A beat ends what follows.
 */
export interface Hello {
  type: 'hello'
  mode: 'live' | 'replay' | 'resync'
  seq: number
  /** What this page may see and asked for; it comes back with it, and gets a resync if that has changed. */
  audience: string
  now: string
}

/** What stands of a topic after event `seq`: its rows by their keys. */
export interface Snapshot {
  type: 'snapshot'
  seq: number
  topic: string
  rows: { key: string; row: unknown }[]
}

/** After an opening, and at most every 5 s: `seq` is the newest number of the log, `prev` the newest that is for this page. */
export interface Beat {
  type: 'beat'
  seq: number
  prev: number
  now: string
}

/** The newest places of officers and vehicles; they have no number and are not kept. */
export interface Positions {
  type: 'positions'
  now: string
  positions: { id: string; lon: number; lat: number; at: string }[]
}

interface Numbered {
  seq: number
  /** The number of the event before it that is for this page: a page that has not seen that one has missed something. */
  prev: number
  /** RFC 3339, the server's clock at commit. */
  at: string
}

export type LiveEvent = Numbered &
  (
    | { type: 'case.reported' | 'case.moved'; data: { case: Case; move: MoveMade } }
    | { type: 'case.merged' | 'case.followed'; data: { case: Case } }
    | {
        type: 'camera.state'
        data: { cameras: { id: string; state: CameraState; reason: Named | null; since: string }[] }
      }
    | { type: 'camera.driver'; data: object }
    | { type: 'camera.changed' | 'grid.changed' | 'building.changed' | 'backdrop.changed'; data: object }
    | { type: 'alarm.changed'; data: { alarm: Alarm } }
    | { type: 'alarm.flood'; data: { flood: Flood | null } }
    | { type: 'wall.changed'; data: { wall: string; revision: number } }
    | { type: 'wall.scene'; data: { scene: string; revision: number } }
    | { type: 'wall.shown'; data: Show }
  )

export type Message = Hello | Snapshot | Beat | Positions | LiveEvent

/** One frame holds one message or an array of them. */
export function parse(frame: string): Message[] {
  const value = JSON.parse(frame) as Message | Message[]
  return Array.isArray(value) ? value : [value]
}
