import type { Place } from '../cases/types'
import type { Named } from '../i18n'

export type AlarmPriority = 'high' | 'medium' | 'low'
export type AlarmState = 'unacknowledged' | 'acknowledged' | 'returned' | 'shelved' | 'out_of_service' | 'normal'
export type AlarmSource = 'overdue' | 'group' | 'camera' | 'screen' | 'cases' | 'fence' | 'sos' | 'sensor'
export type AlarmMove = 'acknowledge' | 'shelve' | 'unshelve' | 'out_of_service' | 'return_to_service' | 'clear'

export interface AlarmItem {
  id: string
  name: string
}

/** What needs an answer in time. It names no person; reasons that people gave stand in its history. */
export interface Alarm {
  id: number
  key: string
  rule: string
  rule_name: Named
  priority: AlarmPriority
  tone: AlarmPriority | 'none'
  source: { kind: AlarmSource; id: string }
  title: Named
  detail: Named
  items: AlarmItem[]
  items_total: number
  grid: string | null
  grid_name: string | null
  location: Place | null
  state: AlarmState
  active: boolean
  /** Activations, those that were collapsed too. */
  count: number
  /** Flaps are counted and no longer told one by one. */
  chattering: boolean
  first_at: string
  /** The newest activation that was told. */
  raised_at: string
  changed_at: string
  acknowledged_at: string | null
  returned_at: string | null
  escalated_at: string | null
  escalated_to: string | null
  shelved_until: string | null
  ended_at: string | null
  version: number
}

/** More alarms than a desk can answer. */
export interface Flood {
  since: string
}

export interface AlarmEntry {
  at: string
  move: string
  by: { name: string | null; role: string } | null
  note: string | null
}

export type Verdict = 'green' | 'yellow' | 'red' | 'grey'

export interface Figure {
  value: number | null
  target: number
  light: Verdict
}

export interface Top {
  id: string
  name: Named
  count: number
  share: number | null
}

export interface Slot {
  at: string
  count: number
  flood: boolean
}

export interface Split {
  priority: AlarmPriority
  count: number
  share: number | null
  target: number
  light: Verdict
}

/** The self-check against EEMUA 191 and ISA-18.2. */
export interface Check {
  from: string
  to: string
  desks: number
  activations: number
  rate: Figure
  peak: Figure
  floods: number
  flood_worst: number
  flood_minutes: number
  flood_share: Figure
  standing_long: Figure
  shelved: Figure
  out_of_service: number
  chattering: Figure
  acknowledge_s: Figure
  escalations: Figure
  split: Split[]
  rules: Top[]
  chatter: Top[]
  slots: Slot[]
  standing: number[]
}
