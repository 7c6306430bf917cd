import { ref, watch } from 'vue'
import { everything, type Filter } from './queue'

/** So many stand above a queue. */
const most = 6
const key = (account: string) => `gridwall.filters.${account}`

export const same = (a: Filter, b: Filter): boolean => a.text.trim() === b.text.trim() && a.state === b.state && a.light === b.light && a.priority === b.priority

/** The filters that were kept before, whatever else a browser has under that name; at most six. */
export function parseSaved(text: string | null): Filter[] {
  let found: unknown
  try {
    found = JSON.parse(text ?? '[]')
  } catch {
    return []
  }
  if (!Array.isArray(found)) return []
  return found.filter((one): one is Partial<Filter> => typeof one === 'object' && one !== null).map((one) => ({ ...everything, ...one, text: String(one.text ?? '') })).slice(0, most)
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
