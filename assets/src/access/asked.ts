import { shallowRef, watch, type ShallowRef } from 'vue'
import { Problem, request } from './http'

/** What the server answers to a path, asked again whenever the path changes: null until it is there, or with the trouble. */
export function useAsked<T>(path: () => string): { answer: ShallowRef<T | null>; trouble: ShallowRef<Problem | null> } {
  const answer = shallowRef<T | null>(null)
  const trouble = shallowRef<Problem | null>(null)
  watch(
    path,
    async (wanted) => {
      answer.value = null
      trouble.value = null
      try {
        const found = await request<T>(wanted)
        if (wanted === path()) answer.value = found
      } catch (cause) {
        if (!(cause instanceof Problem)) throw cause
        if (wanted === path()) trouble.value = cause
      }
    },
    { immediate: true },
  )
  return { answer, trouble }
}
