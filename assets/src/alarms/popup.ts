import { computed, onBeforeUnmount, ref, type ComputedRef } from 'vue'
import { now } from '../live/socket'
import { pops, pressing } from './pressing'
import { useAlarms } from './store'
import type { Alarm } from './types'

/** A pop-up stays this long, and no other comes sooner. */
export const popupMs = 10_000

/** Which of those that wait pops up: the most pressing that still stands unacknowledged. The rest wait on. */
export function nextPopup(waiting: readonly number[], alarms: ReadonlyMap<number, Alarm>): number | null {
  const able = waiting.flatMap((id) => alarms.get(id) ?? []).filter((alarm) => alarm.state === 'unacknowledged')
  return able.sort(pressing)[0]?.id ?? null
}

/** One alarm large over the map at a time, at most one in 10 s, gone sooner when it is acknowledged. */
export function usePopup(): ComputedRef<Alarm | null> {
  const alarms = useAlarms()
  const waiting = ref<number[]>([])
  const shown = ref<number | null>(null)
  let last = -popupMs

  function next(): void {
    if (performance.now() - last < popupMs) return
    shown.value = nextPopup(waiting.value, alarms.alarms)
    waiting.value = waiting.value.filter((id) => id !== shown.value && alarms.alarms.get(id)?.state === 'unacknowledged')
    if (shown.value !== null) last = performance.now()
  }

  const stop = alarms.onNews((alarm, news) => {
    if (news !== 'raised' || !pops(alarm, alarms.flood, true) || waiting.value.includes(alarm.id)) return
    waiting.value = [...waiting.value, alarm.id]
    next()
  })
  const ticking = setInterval(next, 500)
  onBeforeUnmount(() => {
    stop()
    clearInterval(ticking)
  })

  return computed(() => {
    void now.value
    const alarm = shown.value === null ? undefined : alarms.alarms.get(shown.value)
    return alarm?.state === 'unacknowledged' ? alarm : null
  })
}
