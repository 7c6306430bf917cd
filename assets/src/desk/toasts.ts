import { ref } from 'vue'

export interface Toast {
  id: number
  text: string
  /** The case that a click opens. */
  file: number | null
}

const keptMs = 6_000
const shownAtOnce = 4

export const toasts = ref<Toast[]>([])
let next = 1

/** Says what happened, for six seconds; the oldest gives way when there are more than four. */
export function toast(text: string, file: number | null = null): void {
  const id = next
  next += 1
  toasts.value = [...toasts.value, { id, text, file }].slice(-shownAtOnce)
  setTimeout(() => {
    toasts.value = toasts.value.filter((kept) => kept.id !== id)
  }, keptMs)
}
