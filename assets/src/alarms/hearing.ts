import { onBeforeUnmount } from 'vue'
import { pops, type News } from './pressing'
import { useAlarms } from './store'
import { listenForTouch, sounds } from './tone'
import type { Alarm, AlarmPriority } from './types'

/** How often an unanswered high alarm is heard again. */
export const againMs = 15_000

/** What sounds for a change, or null. A high alarm always does: nothing mutes it. */
export function toneFor(alarm: Alarm, news: News, quiet: (tone: AlarmPriority) => boolean): AlarmPriority | null {
  if (news === 'escalated' || alarm.priority === 'high') return 'high'
  return alarm.tone === 'none' || quiet(alarm.tone) ? null : alarm.tone
}

/** Lets the page hear its alarms; `quiet` says which of the lower tones it does not want. */
export function useHearing({ wall, quiet }: { wall: boolean; quiet: (tone: AlarmPriority) => boolean }): void {
  const alarms = useAlarms()
  listenForTouch()
  const stop = alarms.onNews((alarm, news) => {
    if (!pops(alarm, alarms.flood, wall)) return
    const tone = toneFor(alarm, news, quiet)
    if (tone !== null) sounds(tone)
  })
  const again = setInterval(() => {
    if (alarms.unanswered.some((alarm) => alarm.priority === 'high' && alarm.active)) sounds('high')
  }, againMs)
  onBeforeUnmount(() => {
    stop()
    clearInterval(again)
  })
}
