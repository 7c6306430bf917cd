import { request } from '../access/http'
import { lightOf, nextClock } from '../cases/lights'
import { useCases } from '../cases/store'
import type { Case } from '../cases/types'
import { useGrids } from '../grids/store'
import { t } from '../i18n'
import { now } from '../live/socket'

/** Numbers that open the list of what they count. */
export const figures = ['open', 'critical', 'urgent', 'other', 'late', 'due_soon', 'reported', 'closed', 'on_time'] as const
/** `grid:` and a code: the open cases of that grid. */
export type Figure = (typeof figures)[number] | `grid:${string}`

const hourMs = 3_600_000

/** Midnight of the site's day that `at` lies in, ms. */
export function dayStart(at: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }).formatToParts(at)
  const of = (type: string) => Number(parts.find((part) => part.type === type)?.value ?? 0)
  return at - (at % 1_000) - ((of('hour') * 60 + of('minute')) * 60 + of('second')) * 1_000
}

/** The open cases that a number counts. */
export function counted(list: readonly Case[], figure: Figure, at: number): Case[] {
  const grid = gridOf(figure)
  if (grid !== null) return list.filter((file) => file.grid === grid)
  switch (figure as (typeof figures)[number]) {
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
      return []
  }
}

/** The grid whose cases a number counts; null for every other number. */
export const gridOf = (figure: Figure): string | null => (figure.startsWith('grid:') ? figure.slice('grid:'.length) : null)

export function titleOf(figure: Figure): string {
  const grid = gridOf(figure)
  return grid === null ? t(`figures.${figure as (typeof figures)[number]}`) : t('figures.grid', { name: useGrids().grids.get(grid)?.name ?? grid })
}

/** The cases that a number counts now. Those of the day are asked for: closed ones have left the page. */
export async function casesOf(figure: Figure): Promise<Case[]> {
  const cases = useCases()
  if (figure === 'on_time') return pages('fell_due=true')
  if (figure !== 'reported' && figure !== 'closed') return counted(cases.list, figure, now.value)
  const from = dayStart(now.value, useGrids().timeZone)
  const all = await pages(`since=${new Date(from).toISOString()}`)
  return figure === 'reported'
    ? all.filter((file) => Date.parse(file.reported_at) >= from)
    : all.filter((file) => file.closed_at !== null && Date.parse(file.closed_at) >= from && (file.state === 'closed' || file.state === 'rated'))
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
