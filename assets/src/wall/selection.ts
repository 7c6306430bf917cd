import { computed, reactive, ref } from 'vue'
import { useCases } from '../cases/store'
import type { Case } from '../cases/types'
import { now } from '../live/socket'
import type { Figure } from './figures'
import { ticker } from './ticker'

/** A case that somebody chose stays this long; then the wall goes back to the newest critical one. */
const heldMs = 60_000

/** The one case with a card over the map: chosen with J/K or a click, else the newest critical; and the number whose list is open. */
export function useSelection() {
  const cases = useCases()
  const chosen = ref<{ id: number; until: number } | null>(null)
  const listed = ref<{ figure: Figure; until: number } | null>(null)

  const file = computed<Case | null>(() => {
    const held = chosen.value
    if (held !== null && now.value < held.until) {
      const kept = cases.files.get(held.id)
      if (kept !== undefined) return kept
    }
    return newestCritical(cases.list)
  })

  const figure = computed(() => (listed.value !== null && now.value < listed.value.until ? listed.value.figure : null))

  /** Opens the list of a number, or closes it when it is open. Nobody's list stays on a wall. */
  function list(wanted: Figure | null): void {
    listed.value = wanted === null || wanted === figure.value ? null : { figure: wanted, until: now.value + heldMs }
  }

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

  return reactive({ file, figure, list, pick, step, release })
}

export function newestCritical(list: readonly Case[]): Case | null {
  let newest: Case | null = null
  for (const file of list) {
    if (file.priority !== 'critical') continue
    if (newest === null || file.reported_at > newest.reported_at) newest = file
  }
  return newest
}
