import { request } from '../access/http'
import { useAlarms } from '../alarms/store'
import type { Alarm } from '../alarms/types'
import { useCameras } from '../cameras/store'
import { isDark, type Camera } from '../cameras/types'
import { lightOf, nextClock } from '../cases/lights'
import { useCases } from '../cases/store'
import type { Case } from '../cases/types'
import { useGrids } from '../grids/store'
import { t } from '../i18n'
import { now } from '../live/socket'

/** Numbers that open the list of what they count. */
export const figures = ['open', 'critical', 'urgent', 'other', 'late', 'due_soon', 'reported', 'closed', 'on_time', 'cameras', 'officers', 'standing', 'unanswered'] as const
type Name = (typeof figures)[number]
/** `grid` and `late` with a code: the open and the overdue cases of that grid; `reported` and `closed` with an hour of the day: what it brought. */
export type Figure = Name | `${'grid' | 'late' | 'reported' | 'closed'}:${string}`

/** An officer on duty: what for and where. Nobody is named on a wall; the grid's card does that. */
export interface Duty {
  post: string
  grid: string | null
  grid_name: string | null
}

export type Listing = { of: 'cases'; rows: Case[] } | { of: 'cameras'; rows: Camera[] } | { of: 'officers'; rows: Duty[] } | { of: 'alarms'; rows: Alarm[] }

const hourMs = 3_600_000

/** Midnight of the site's day that `at` lies in, ms. */
export function dayStart(at: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }).formatToParts(at)
  const of = (type: string) => Number(parts.find((part) => part.type === type)?.value ?? 0)
  return at - (at % 1_000) - ((of('hour') * 60 + of('minute')) * 60 + of('second')) * 1_000
}

/** The open cases that a number counts; none for a number that counts anything else. */
export function counted(list: readonly Case[], figure: Figure, at: number): Case[] {
  const [name, of] = partsOf(figure)
  if (of !== null) return list.filter((file) => file.grid === of && (name === 'grid' || (name === 'late' && lightOf(file, at) === 'red')))
  switch (name as Name) {
    case 'open':
      return [...list]
    case 'critical':
    case 'urgent':
      return list.filter((file) => file.priority === figure)
    case 'other':
      return list.filter((file) => file.priority === 'normal' || file.priority === 'advice')
    case 'late':
      return list.filter((file) => lightOf(file, at) === 'red')
    case 'due_soon':
      return list.filter((file) => {
        const clock = nextClock(file)
        const left = clock === null ? 0 : Date.parse(clock.due_at) - at
        return left > 0 && left <= hourMs
      })
    case 'reported':
    case 'closed':
    case 'on_time':
    case 'cameras':
    case 'officers':
    case 'standing':
    case 'unanswered':
      return []
  }
}

function partsOf(figure: Figure): [name: string, of: string | null] {
  const at = figure.indexOf(':')
  return at < 0 ? [figure, null] : [figure.slice(0, at), figure.slice(at + 1)]
}

export function titleOf(figure: Figure): string {
  const [name, of] = partsOf(figure)
  if (of === null) return t(`figures.${name as Name}`)
  if (name === 'reported' || name === 'closed') return t(`figures.${name}Hour`, { hour: of })
  return t(name === 'late' ? 'figures.lateGrid' : 'figures.grid', { name: useGrids().grids.get(of)?.name ?? of })
}

/** What a number counts now. What has left the page is asked for: the day's closed cases, what fell due, the roster. */
export async function listOf(figure: Figure): Promise<Listing> {
  const [name, of] = partsOf(figure)
  switch (name) {
    case 'cameras':
      return { of: 'cameras', rows: [...useCameras().cameras.values()].filter((camera) => !isDark(camera.state)) }
    case 'officers':
      return { of: 'officers', rows: (await request<{ officers: Duty[] }>('/api/v1/officers/duty')).officers }
    case 'standing':
      return { of: 'alarms', rows: useAlarms().list }
    case 'unanswered':
      return { of: 'alarms', rows: useAlarms().unanswered }
    case 'on_time':
      return { of: 'cases', rows: await pages('fell_due=true') }
    case 'reported':
    case 'closed':
      return { of: 'cases', rows: await ofDay(name, of === null ? null : Number(of)) }
    default:
      return { of: 'cases', rows: counted(useCases().list, figure, now.value) }
  }
}

/** What was reported or closed today, in one hour of the site's day or in all of them. */
async function ofDay(what: 'reported' | 'closed', hour: number | null): Promise<Case[]> {
  const from = dayStart(now.value, useGrids().timeZone)
  const inside = (at: string | null) => at !== null && Date.parse(at) >= from && (hour === null || Math.floor((Date.parse(at) - from) / hourMs) === hour)
  const all = await pages(`since=${new Date(from).toISOString()}`)
  return all.filter((file) => (what === 'reported' ? inside(file.reported_at) : inside(file.closed_at) && (file.state === 'closed' || file.state === 'rated')))
}

async function pages(query: string): Promise<Case[]> {
  const all: Case[] = []
  for (let after = ''; ; ) {
    const page = await request<{ cases: Case[]; next?: number | null }>(`/api/v1/cases?${query}&limit=5000${after}`)
    all.push(...page.cases)
    if (!page.next) return all
    after = `&after=${page.next}`
  }
}
