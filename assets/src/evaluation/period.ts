/** Days of the calendar as yyyy-mm-dd. */
export type Period = { from: string; to: string }

export const periods = ['week', 'month', 'days30', 'year'] as const
export type PeriodName = (typeof periods)[number]

const iso = (day: Date) => day.toISOString().slice(0, 10)

/** The day of an instant in a time zone, as midnight UTC. */
function dayOf(at: number, timeZone: string): Date {
  const text = new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(at)
  return new Date(`${text}T00:00:00Z`)
}

function moved(day: Date, by: number): Date {
  return new Date(day.getTime() + by * 86_400_000)
}

/** This week from Monday, this month, the last 30 days, this year: up to today, since what is due today counts today. */
export function periodOf(name: PeriodName, at: number, timeZone: string): Period {
  const today = dayOf(at, timeZone)
  const to = iso(today)
  switch (name) {
    case 'week':
      return { from: iso(moved(today, -((today.getUTCDay() + 6) % 7))), to }
    case 'month':
      return { from: `${to.slice(0, 8)}01`, to }
    case 'days30':
      return { from: iso(moved(today, -29)), to }
    case 'year':
      return { from: `${to.slice(0, 4)}-01-01`, to }
  }
  return name satisfies never
}
