import { request } from '../access/http'
import { lightOf, nextClock } from '../cases/lights'
import { useCases } from '../cases/store'
import type { Case } from '../cases/types'
import { useGrids } from '../grids/store'
import { now } from '../live/socket'

/** Numbers that open the list of what they count. */
export const figures = ['open', 'critical', 'urgent', 'other', 'late', 'due_soon', 'reported', 'closed'] as const
export type Figure = (typeof figures)[number]

const hourMs = 3_600_000

/** Midnight of the site's day that `at` lies in, ms. */
export function dayStart(at: number, timeZone: string): number {
  const parts = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }).formatToParts(at)
  const of = (type: string) => Number(parts.find((part) => part.type === type)?.value ?? 0)
  return at - (at % 1_000) - ((of('hour') * 60 + of('minute')) * 60 + of('second')) * 1_000
}

/** The open cases that a number counts. */
export function counted(list: readonly Case[], figure: Figure, at: number): Case[] {
  switch (figure) {
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
      return []
    default:
      return figure satisfies never
  }
}

/** The cases that a number counts now. Those of the day are asked for: closed ones have left the page. */
export async function casesOf(figure: Figure): Promise<Case[]> {
  const cases = useCases()
  if (figure !== 'reported' && figure !== 'closed') return counted(cases.list, figure, now.value)
  const from = dayStart(now.value, useGrids().timeZone)
  const all: Case[] = []
  for (let after = ''; ; ) {
    const page = await request<{ cases: Case[]; next?: number | null }>(`/api/v1/cases?since=${new Date(from).toISOString()}&limit=5000${after}`)
    all.push(...page.cases)
    if (!page.next) break
    after = `&after=${page.next}`
  }
  return figure === 'reported'
    ? all.filter((file) => Date.parse(file.reported_at) >= from)
    : all.filter((file) => file.closed_at !== null && Date.parse(file.closed_at) >= from && (file.state === 'closed' || file.state === 'rated'))
}
