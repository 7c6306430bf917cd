import type { Named } from '../i18n'
import type { Place } from '../cases/types'

export type CameraState =
  | 'unknown'
  | 'online'
  | 'connecting'
  | 'live'
  | 'offline'
  | 'auth_failed'
  | 'no_keyframe'
  | 'wrong_codec'
  | 'stalled'
  | 'frozen'
  | 'late'

export interface Camera {
  id: string
  name: string
  grid: string | null
  location: Place
  /** Degrees, 0 = north, clockwise; null when nobody has said. */
  bearing: number | null
  angle: number | null
  range_m: number | null
  height_m: number | null
  ptz: boolean
  state: CameraState
  reason: Named | null
  since: string
  /** Who pulls it and serves its pictures; null: the centre. */
  relay: string | null
}

export interface NearCamera extends Camera {
  distance_m: number
  in_view: boolean | null
  /** Somebody looked and said so. */
  answered: boolean
  /** Why it is ranked where it is. */
  reason: Named | null
}

/** Whether a camera has a picture to give, as far as the server knows. */
export function isDark(state: CameraState): boolean {
  switch (state) {
    case 'online':
    case 'connecting':
    case 'live':
    case 'unknown':
    case 'late':
    case 'frozen': // pictures come, and people had better see that they stand still
      return false
    case 'offline':
    case 'auth_failed':
    case 'no_keyframe':
    case 'wrong_codec':
    case 'stalled':
      return true
    default:
      return state satisfies never
  }
}
