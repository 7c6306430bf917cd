import type { Alarm, Flood } from '../alarms/types'
import type { Case, MoveMade } from '../cases/types'
import type { CameraState } from '../cameras/types'
import type { Named } from '../i18n'

/** First frame of a connection. replay: the events that were missed follow; resync: too many were, load the snapshots again. */
export interface Hello {
  type: 'hello'
  seq: number
  now: string
  mode: 'live' | 'replay' | 'resync'
}

/** Every 5 s, without a number of its own: seq is the newest of the log. */
export interface Beat {
  type: 'beat'
  seq: number
  now: string
}

interface Numbered {
  seq: number
  /** RFC 3339, the server's clock at commit. */
  at: string
}

export type LiveEvent = Numbered &
  (
    | { type: 'case.reported' | 'case.moved'; data: { case: Case; move: MoveMade } }
    | {
        type: 'camera.state'
        data: { cameras: { id: string; state: CameraState; reason: Named | null; since: string }[] }
      }
    | { type: 'camera.changed' | 'grid.changed' | 'building.changed' | 'backdrop.changed'; data: object }
    | { type: 'alarm.changed'; data: { alarm: Alarm } }
    | { type: 'alarm.flood'; data: { flood: Flood | null } }
    | { type: 'wall.changed'; data: { wall: string; revision: number } }
  )

export type Message = Hello | Beat | LiveEvent

/** One frame holds one message or an array of them. */
export function parse(frame: string): Message[] {
  const value = JSON.parse(frame) as Message | Message[]
  return Array.isArray(value) ? value : [value]
}
