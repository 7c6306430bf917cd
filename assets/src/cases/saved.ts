import { ref, watch } from 'vue'
import { everything, type Filter } from './queue'

/** So many stand above a queue. */
const most = 6
const key = (account: string) => `gridwall.filters.${account}`

export const same = (a: Filter, b: Filter): boolean => a.text.trim() === b.text.trim() && a.state === b.state && a.light === b.light && a.priority === b.priority

/** The objects of a list that a browser kept; none of whatever else stands under its name. */
export function kept(text: string | null): object[] {
  let found: unknown
  try {
    found = JSON.parse(text ?? '[]')
  } catch {
    return []
  }
  return Array.isArray(found) ? found.filter((one): one is object => typeof one === 'object' && one !== null) : []
}

/** The filters that were kept before; at most six. */
export function parseSaved(text: string | null): Filter[] {
  return (kept(text) as Partial<Filter>[]).map((one) => ({ ...everything, ...one, text: String(one.text ?? '') })).slice(0, most)
}

/** The filters that an account keeps at this desk, the newest last; a seventh takes the place of the oldest. */
export function useSavedFilters(account: () => string) {
  const saved = ref<Filter[]>([])
  watch(account, (name) => (saved.value = parseSaved(localStorage.getItem(key(name)))), { immediate: true })

  function put(next: Filter[]): void {
    saved.value = next
    localStorage.setItem(key(account()), JSON.stringify(next))
  }
  const keep = (filter: Filter) => put([...saved.value.filter((one) => !same(one, filter)), { ...filter, text: filter.text.trim() }].slice(-most))
  const drop = (filter: Filter) => put(saved.value.filter((one) => !same(one, filter)))

  return { saved, keep, drop }
}
