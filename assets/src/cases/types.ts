import type { Named } from '../i18n'

export type Priority = 'critical' | 'urgent' | 'normal' | 'advice'
export type Light = 'green' | 'yellow' | 'red' | 'grey'
/** The name of a clock: the flow says which there are. */
export type Stage = string
export type PhotoKind = 'near' | 'far' | 'before' | 'after'

export interface Place {
  lon: number
  lat: number
}

/** A running clock; instants are RFC 3339. */
export interface Clock {
  stage: Stage
  started_at: string
  warn_at: string
  due_at: string
  paused_at: string | null
}

export interface FinishedClock {
  stage: Stage
  started_at: string
  ended_at: string
  due_at: string
  limit_s: number
  used_s: number
  late_s: number
  light: Light
  unit: 'emergency' | 'workhour' | 'workday' | 'natural'
}

export interface Photo {
  id: string
  kind: PhotoKind
  url: string
  at: string
}

/** A case file 案卷. */
export interface Case {
  id: number
  number: string
  flow: string
  state: string
  priority: Priority
  class: string | null
  class_name: Named | null
  title: string
  description: string
  address: string
  location: Place
  grid: string | null
  grid_name: string | null
  department: string | null
  department_name: string | null
  camera: string | null
  reported_at: string
  updated_at: string
  closed_at: string | null
  rating: number | null
  returns: number
  photos: Photo[]
  clocks: Clock[]
  /** Absent in the log while it can still change: lightOf computes it. */
  light?: Light
  version: number
  parent?: number
  merged_into?: number
  /** Whose task it is, by the roster's code. */
  officer?: string
  supervised?: boolean
  exempt?: boolean
  suspended_until?: string
  condition?: string | null
  /** The numbers that the flow declares. */
  fields?: Record<string, number>
}

export interface Needs {
  note: boolean
  department: boolean
  photo: PhotoKind | null
  rating: boolean
  departments?: boolean
  until?: boolean
  case?: boolean
  fields?: string[]
}

/** A move that this account may make now. */
export interface Move {
  move: string
  name: Named
  to: string
  needs: Needs
}

/** A move of this state that this account may not make, and why. */
export interface Refused {
  move: string
  name: Named
  reason: Named
}

/** One case with what may be done with it. */
/** Who reported a case; masked: in part. */
export interface Reporter {
  name?: string
  phone?: string
  masked?: boolean
}

export interface CaseFile extends Case {
  reporter?: Reporter
  moves: Move[]
  refused: Refused[]
  subcases?: { id: number; number: string; flow: string; state: string; department: string | null; officer?: string; open: boolean }[]
  /** The officer whose task it is. */
  assignee?: { name: string; post: string }
  answers?: { at: string; text: Named }[]
  /** It may be merged into one of these: same class, 50 m, 24 h. */
  same?: { id: number; number: string; title: string; state: string; distance_m: number; grid: string | null }[]
  /** What the lists that its flow names have for it: same class, same community. */
  matches?: { id: number; number: string; flow: string; title: string; state: string; distance_m: number }[]
  /** So many of its class at the place in 30 days. */
  repeat?: number
  /** Whom to dispatch it to, the best first: who answers for its class in its grid (duty), then who dealt with it before. */
  advice?: { department: string; name: string; in_grid: number; in_town: number; duty?: boolean; duty_grid?: string }[]
  /** On duty, the nearest first. */
  officers?: { name: string; post: string; grid_name: string; distance_m: number; stands_for?: string }[]
}

export interface MoveMade {
  move: string
  from: string | null
  to: string
  by: { name: string; role: string }
  at: string
  note: string | null
}

export interface TimelineEntry {
  n: number
  at: string
  move: string
  from: string | null
  to: string
  by: { name: string; role: string }
  note: string | null
  department: string | null
  department_name: string | null
  rating: number | null
  photos: Photo[]
  elapsed_s: number
  clocks: FinishedClock[]
}

export interface FlowState {
  state: string
  name: Named
  step: number
  final: boolean
  fresh: boolean
}

export interface Flow {
  flow: string
  edition: number
  name: Named
  states: FlowState[]
  /** The report itself: how a case begins. */
  start: { move: string; name: Named }
  moves: { move: string; name: Named; from: string[]; to: string; who: string[]; needs: Needs }[]
  steps: Named[]
  stages: { stage: Stage; name: Named }[]
  fields: { field: string; name: Named; unit: string }[]
  ratings: { value: number; name: Named }[]
}

export interface Situation {
  at: string
  open: { total: number; critical: number; urgent: number; normal: number; advice: number }
  lights: Record<Light, number>
  today: { reported: number; closed: number }
  yesterday: { reported: number; closed: number }
  on_time: { due: number; closed_on_time: number; rate: number | null }
  handling_p50_s: number | null
  due_soon: number
  hours: { hour: number; reported: number; closed: number; reported_yesterday: number }[]
  grids: GridLoad[]
  cameras: { total: number; online: number }
  officers: { total: number; on_duty: number }
}

export interface GridLoad {
  grid: string
  name: string
  open: number
  red: number
  /** Open now minus open 24 h ago. */
  change: number
}

/** Whether a move needs anything to be entered. */
export function asks({ needs }: Move): boolean {
  return Object.values(needs).some((need) => need !== false && need !== null)
}
