import { ref } from 'vue'

export interface Toast {
  id: number
  text: string
  /** The case that a click opens. */
  file: number | null
  /** Takes back what was done, while the toast stands. */
  undo: (() => void) | null
}

const keptMs = 6_000
/** What can be undone can be for this long. */
const undoMs = 10_000
const shownAtOnce = 4

export const toasts = ref<Toast[]>([])
let next = 1

/** Says what happened, for six seconds, ten if it can be undone; the oldest gives way when there are more than four. */
export function toast(text: string, file: number | null = null, undo: (() => void) | null = null): void {
  const id = next
  next += 1
  toasts.value = [...toasts.value, { id, text, file, undo }].slice(-shownAtOnce)
  setTimeout(() => {
    toasts.value = toasts.value.filter((kept) => kept.id !== id)
  }, undo === null ? keptMs : undoMs)
}

/** Takes back the newest thing that can be taken back. */
export function undoLast(): void {
  const last = toasts.value.findLast((kept) => kept.undo !== null)
  if (last !== undefined) undoToast(last)
}

export function undoToast(one: Toast): void {
  toasts.value = toasts.value.filter((kept) => kept.id !== one.id)
  one.undo?.()
}
