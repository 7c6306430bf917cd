import type { Named } from '../i18n'

export type Dim = 'area' | 'department' | 'post' | 'collector'

/** How many cases a measure counts, and the address of the list of them. */
export interface Count {
  measure: string
  name: Named
  n: number
  list: string
}

export interface Indicator {
  key: string
  name: Named
  /** Sums of measures: "closed - extended". */
  numerator: string
  denominator: string
  /** The lower, the better. */
  low?: boolean
}

/** An indicator with its figure in per cent; null: fewer than five cases. */
export interface Rate extends Indicator {
  above: number
  below: number
  rate: number | null
}

export interface Weight {
  indicator: string
  points: number
}

export interface Figures {
  from: string
  to: string
  revision: number
  counts: Count[]
  rates: Rate[]
  weights: Weight[]
  /** Of 100. */
  score: number | null
}

export interface Place {
  place: number | null
  object: string
  name: string
  value: number | null
  above?: number
  below?: number
  due: number
}

export interface Plan {
  revision: number
  indicators: Indicator[]
  weights: Weight[]
  measures?: { measure: string; name: Named }[]
}

/** Who is judged, over which days; empty code: all. */
export interface Question {
  from: string
  to: string
  kind: '' | 'part' | 'matter'
  dim: Dim
  code: string
}

export function queryOf(asked: Question): string {
  const q = new URLSearchParams({ from: asked.from, to: asked.to })
  if (asked.kind !== '') q.set('kind', asked.kind)
  if (asked.code !== '') q.set(asked.dim, asked.code)
  return q.toString()
}
