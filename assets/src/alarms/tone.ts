import { ref } from 'vue'
import type { AlarmPriority } from './types'

/**
 * Three tones, made here so that no file can be missing: high is three short high notes, medium two falling ones, low one.
 * A browser lets nothing sound before somebody has touched the page; `blocked` says so until then.
 */
export const blocked = ref(false)

const notes: Record<AlarmPriority, { hertz: number; at: number; s: number }[]> = {
  high: [
    { hertz: 988, at: 0, s: 0.14 },
    { hertz: 1319, at: 0.18, s: 0.14 },
    { hertz: 988, at: 0.36, s: 0.14 },
    { hertz: 1319, at: 0.54, s: 0.22 },
  ],
  medium: [
    { hertz: 784, at: 0, s: 0.2 },
    { hertz: 587, at: 0.24, s: 0.26 },
  ],
  low: [{ hertz: 523, at: 0, s: 0.24 }],
}
const volume: Record<AlarmPriority, number> = { high: 0.3, medium: 0.16, low: 0.08 }

let sound: AudioContext | undefined
let busyUntil = 0

function context(): AudioContext {
  sound ??= new AudioContext()
  return sound
}

/** Asks whether the page may sound; on the first touch of a key or the pointer it may. */
export function listenForTouch(): void {
  blocked.value = context().state === 'suspended'
  const touch = () => void enable()
  window.addEventListener('pointerdown', touch, { once: true })
  window.addEventListener('keydown', touch, { once: true })
}

export async function enable(): Promise<void> {
  await context().resume()
  blocked.value = context().state === 'suspended'
}

/** Sounds the tone. A storm of alarms is not a storm of tones: while one sounds, only a high one is heard. */
export function sounds(tone: AlarmPriority): void {
  const audio = context()
  if (audio.state === 'suspended') {
    blocked.value = true
    return
  }
  if (audio.currentTime < busyUntil && tone !== 'high') return
  if (audio.currentTime < busyUntil - 0.6) return
  const start = audio.currentTime + 0.01
  for (const note of notes[tone]) {
    const oscillator = audio.createOscillator()
    const level = audio.createGain()
    oscillator.type = tone === 'high' ? 'square' : 'sine'
    oscillator.frequency.value = note.hertz
    level.gain.setValueAtTime(volume[tone], start + note.at)
    level.gain.exponentialRampToValueAtTime(0.001, start + note.at + note.s)
    oscillator.connect(level).connect(audio.destination)
    oscillator.start(start + note.at)
    oscillator.stop(start + note.at + note.s)
  }
  busyUntil = start + 1
}
