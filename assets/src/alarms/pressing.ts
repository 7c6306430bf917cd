import type { Alarm, AlarmMove, AlarmPriority, AlarmState, Flood } from './types'

const states: AlarmState[] = ['unacknowledged', 'returned', 'acknowledged', 'shelved', 'out_of_service', 'normal']
const priorities: AlarmPriority[] = ['high', 'medium', 'low']

/** Who must be answered first: by state, then priority, then the newest. */
export function pressing(a: Alarm, b: Alarm): number {
  return (
    states.indexOf(a.state) - states.indexOf(b.state) ||
    priorities.indexOf(a.priority) - priorities.indexOf(b.priority) ||
    (a.raised_at < b.raised_at ? 1 : a.raised_at > b.raised_at ? -1 : a.id - b.id)
  )
}

export type News = 'raised' | 'escalated'

/** What a change is news of: an activation that was told, or nobody's answer. The flaps of a chattering alarm are none. */
export function newsOf(before: Alarm | undefined, after: Alarm): News | null {
  if (after.state === 'unacknowledged' && before?.raised_at !== after.raised_at) return 'raised'
  if (after.escalated_at !== null && before !== undefined && before.escalated_at !== after.escalated_at) return 'escalated'
  return null
}

/** Whether it pops up: low alarms are only listed while there is a flood, and on a wall always. */
export function pops(alarm: Alarm, flood: Flood | null, wall: boolean): boolean {
  return alarm.priority !== 'low' || (flood === null && !wall)
}

/** What its state permits; rights are the page's matter, and the server has the last word. */
export function movesOf({ state, priority, source }: Alarm): AlarmMove[] {
  switch (state) {
    case 'unacknowledged':
    case 'acknowledged':
    case 'returned':
      return [
        ...(state === 'acknowledged' ? [] : (['acknowledge'] as const)),
        ...(source.kind === 'sos' ? (['clear'] as const) : []),
        ...(priority === 'high' ? [] : (['shelve'] as const)),
        'out_of_service',
      ]
    case 'shelved':
      return ['unshelve', 'out_of_service']
    case 'out_of_service':
      return ['return_to_service']
    case 'normal':
      return []
    default:
      return state satisfies never
  }
}

/** Moves that need a reason. */
/** The move that takes another back; what was acknowledged stays so. */
export const opposite: Partial<Record<AlarmMove, AlarmMove>> = { shelve: 'unshelve', out_of_service: 'return_to_service' }

export const reasoned: readonly AlarmMove[] = ['shelve', 'out_of_service', 'clear']

/** How long a shelf can last, minutes. */
export const shelves = [15, 30, 60, 120, 240, 480] as const
