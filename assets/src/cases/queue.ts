import { lightOf, urgencyKey } from './lights'
import type { Case, Light, Priority } from './types'

export interface Filter {
  text: string
  state: string | null
  light: Light | null
  priority: Priority | null
}

export const everything: Filter = { text: '', state: null, light: null, priority: null }

/** The queue of a desk: what passes the filter, what will be late next first. `at` is the server's clock. */
export function queue(list: readonly Case[], filter: Filter, at: number): Case[] {
  const words = filter.text.trim().toLowerCase()
  return list
    .filter(
      (file) =>
        (filter.state === null || file.state === filter.state) &&
        (filter.priority === null || file.priority === filter.priority) &&
        (filter.light === null || lightOf(file, at) === filter.light) &&
        (words === '' || haystack(file).includes(words)),
    )
    .map((file) => ({ file, key: urgencyKey(file) }))
    .sort((a, b) => a.key - b.key || a.file.id - b.file.id)
    .map(({ file }) => file)
}

function haystack(file: Case): string {
  return [file.title, file.number, file.grid_name, file.address, file.department_name, file.class_name?.zh, file.class_name?.en]
    .join(' ')
    .toLowerCase()
}

/** The row that is `by` away from the one that is open; from none, the first. Null when the queue is empty. */
export function step(rows: readonly Case[], open: number | null, by: 1 | -1): number | null {
  const here = rows.findIndex((file) => file.id === open)
  if (here === -1) return rows[0]?.id ?? null
  return rows[Math.max(0, Math.min(rows.length - 1, here + by))]?.id ?? null
}
