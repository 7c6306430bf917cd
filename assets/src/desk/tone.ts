import { ref } from 'vue'
import type { Priority } from '../cases/types'

const key = 'gridwall.tone'

/** Whether a new case sounds. Off until somebody at this desk switches it on: browsers want a gesture first anyway. */
export const toneOn = ref(localStorage.getItem(key) === 'on')

let sound: AudioContext | undefined

export function setTone(on: boolean): void {
  toneOn.value = on
  localStorage.setItem(key, on ? 'on' : 'off')
  if (on) ring('normal')
}

/** Two notes for a critical case, one for every other. */
export function ring(priority: Priority): void {
  if (!toneOn.value) return
  sound ??= new AudioContext()
  note(sound, 0, priority === 'critical' ? 880 : 587)
  if (priority === 'critical') note(sound, 0.22, 660)
}

function note(context: AudioContext, delayS: number, hertz: number): void {
  const start = context.currentTime + delayS
  const tone = context.createOscillator()
  const level = context.createGain()
  tone.frequency.value = hertz
  level.gain.setValueAtTime(0.12, start)
  level.gain.exponentialRampToValueAtTime(0.001, start + 0.2)
  tone.connect(level).connect(context.destination)
  tone.start(start)
  tone.stop(start + 0.2)
}
