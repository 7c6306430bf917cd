import type { Case } from '../cases/types'

/** Rows that the ticker holds, as many as a high tile has room for: what just happened, newest first. */
export const tickerRows = 20

/**
 * The cases that were reported or moved last. One pass, from the end, where the newest mostly are: a wall may hold tens of
 * thousands of open cases.
 */
export function ticker(list: readonly Case[]): Case[] {
  const rows: Case[] = []
  for (let n = list.length - 1; n >= 0; n -= 1) {
    const file = list[n] as Case
    const last = rows.at(-1)
    if (rows.length === tickerRows && last !== undefined && !before(file, last)) continue
    let at = rows.length
    while (at > 0 && before(file, rows[at - 1] as Case)) at -= 1
    rows.splice(at, 0, file)
    if (rows.length > tickerRows) rows.pop()
  }
  return rows
}

function before(a: Case, b: Case): boolean {
  const [x, y] = [Date.parse(a.updated_at), Date.parse(b.updated_at)]
  return x === y ? a.id > b.id : x > y
}
