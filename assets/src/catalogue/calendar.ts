/** The site's working calendar, as the server tells and takes it. */
export interface Plan {
  zone: string
  /** The working ones of sun … sat. */
  week: string[]
  /** 08:30-12:00, from early to late. */
  hours: string[]
  workday: string
  /** Exceptions to the week by date: true is a working day. */
  days: { [date: string]: boolean }
  saved_at: string | null
  saved_by: string | null
}

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

const names = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const day = (date: string) => new Date(`${date}T00:00:00Z`)

/** The date n days after another. */
function plus(date: string, n: number): string {
  const at = day(date)
  at.setUTCDate(at.getUTCDate() + n)
  return at.toISOString().slice(0, 10)
}

const byWeek = (plan: Plan, date: string) => plan.week.includes(names[day(date).getUTCDay()] ?? '')

/** Whether the site works on a date. */
export const works = (plan: Plan, date: string) => plan.days[date] ?? byWeek(plan, date)

/** The other way round: what goes by the week again is no exception. */
export function toggled(plan: Plan, date: string): Plan {
  const working = !works(plan, date)
  const others = Object.entries(plan.days).filter(([other]) => other !== date)
  return { ...plan, days: Object.fromEntries(working === byWeek(plan, date) ? others : [...others, [date, working]]) }
}

/** A month, 1 to 12, from Monday on; null is a place before its first day. */
export function month(year: number, n: number): (string | null)[] {
  const first = `${year}-${String(n).padStart(2, '0')}-01`
  const dates: (string | null)[] = Array.from({ length: (day(first).getUTCDay() + 6) % 7 }, () => null)
  for (let date = first; date.slice(0, 7) === first.slice(0, 7); date = plus(date, 1)) dates.push(date)
  return dates
}

/** How many days of a year are working days. */
export function workdays(plan: Plan, year: number): number {
  let n = 0
  for (let date = `${year}-01-01`; date < `${year + 1}-01-01`; date = plus(date, 1)) if (works(plan, date)) n += 1
  return n
}

/** The dates on which two plans differ. */
export function changed(a: Plan, b: Plan): string[] {
  return [...new Set([...Object.keys(a.days), ...Object.keys(b.days)])].filter((date) => a.days[date] !== b.days[date]).sort()
}
