import { computed, ref } from 'vue'
import { kept } from './saved'

/** A case that is worked on beside others, with the words for it when it has left the queue. */
export interface Parallel {
  id: number
  number: string
  title: string
  /** The panel that it has: what is half written there is still there when one comes back. */
  panel: number
}

/** So many stand side by side. */
export const most = 6
const key = 'gridwall.parallel'

/** What this window kept before, whatever else stands under that name. */
export function parseParallel(text: string | null): Omit<Parallel, 'panel'>[] {
  const files = (kept(text) as Partial<Parallel>[]).filter((one): one is Parallel => Number.isInteger(one.id) && typeof one.number === 'string' && typeof one.title === 'string')
  return files.map(({ id, number, title }) => ({ id, number, title })).slice(0, most)
}

/**
 * The cases that one works on at the same time, in this window, six at most. All others share one panel; a case that is taken
 * beside them keeps the panel it is in, and gives it back when it is let go.
 */
export function useParallel() {
  let panels = 1
  let passing = 0
  const files = ref<Parallel[]>(parseParallel(sessionStorage.getItem(key)).map((one) => ({ ...one, panel: panels++ })))
  const ids = computed(() => new Set(files.value.map((one) => one.id)))

  function put(next: Parallel[]): void {
    files.value = next
    sessionStorage.setItem(key, JSON.stringify(next.map(({ id, number, title }) => ({ id, number, title }))))
  }

  /** Takes a case beside the others; false when there are six. */
  function keep({ id, number, title }: { id: number; number: string; title: string }): boolean {
    if (ids.value.has(id)) return true
    if (files.value.length >= most) return false
    const panel = passing
    passing = panels++
    put([...files.value, { id, number, title, panel }])
    return true
  }

  function drop(id: number): void {
    const gone = files.value.find((one) => one.id === id)
    if (gone === undefined) return
    passing = gone.panel
    put(files.value.filter((one) => one !== gone))
  }

  const panelOf = (id: number): number => files.value.find((one) => one.id === id)?.panel ?? passing

  /** The case after `id`, or before it, round and round; the first when `id` is not among them, null when there is none. */
  function beside(id: number | null, by: 1 | -1): number | null {
    const at = files.value.findIndex((one) => one.id === id)
    const next = at < 0 ? 0 : (at + by + files.value.length) % files.value.length
    return files.value[next]?.id ?? null
  }

  return { files, ids, keep, drop, panelOf, beside }
}
