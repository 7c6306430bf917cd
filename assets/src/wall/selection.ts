import { computed, reactive, ref } from 'vue'
import { useCases } from '../cases/store'
import type { Case } from '../cases/types'
import { now } from '../live/socket'
import { ticker } from './ticker'

/** A case that somebody chose stays this long; then the wall goes back to the newest critical one. */
const heldMs = 60_000

/** The one case with a card over the map: chosen with J/K or a click, else the newest critical. */
export function useSelection() {
  const cases = useCases()
  const chosen = ref<{ id: number; until: number } | null>(null)

  const file = computed<Case | null>(() => {
    const held = chosen.value
    if (held !== null && now.value < held.until) {
      const kept = cases.files.get(held.id)
      if (kept !== undefined) return kept
    }
    return newestCritical(cases.list)
  })

  function pick(id: number): void {
    chosen.value = { id, until: now.value + heldMs }
  }

  function step(by: 1 | -1): void {
    const rows = ticker(cases.list)
    const here = rows.findIndex((row) => row.id === file.value?.id)
    const next = rows[Math.max(0, Math.min(rows.length - 1, here + by))]
    if (next !== undefined) pick(next.id)
  }

  function release(): void {
    chosen.value = null
  }

  return reactive({ file, pick, step, release })
}

export function newestCritical(list: readonly Case[]): Case | null {
  let newest: Case | null = null
  for (const file of list) {
    if (file.priority !== 'critical') continue
    if (newest === null || file.reported_at > newest.reported_at) newest = file
  }
  return newest
}
