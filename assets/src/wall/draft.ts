/** Something that is edited: what it was made from, how it stands now, and the ways back and forth. */
export interface Draft<T> {
  base: T
  now: T
  past: readonly T[]
  future: readonly T[]
  /** Changes that follow on one another under one name are one step back. */
  step: string
}

/** So many steps can be taken back. */
const most = 100

export const begin = <T>(base: T, now = base): Draft<T> => ({ base, now, past: [], future: [], step: '' })

export function changed<T>(draft: Draft<T>, now: T, step = ''): Draft<T> {
  if (same(now, draft.now)) return draft
  const past = step !== '' && step === draft.step ? draft.past : [...draft.past, draft.now].slice(-most)
  return { ...draft, now, past, future: [], step }
}

export function undone<T>(draft: Draft<T>): Draft<T> {
  const back = draft.past.at(-1)
  if (back === undefined) return draft
  return { ...draft, now: back, past: draft.past.slice(0, -1), future: [draft.now, ...draft.future], step: '' }
}

export function redone<T>(draft: Draft<T>): Draft<T> {
  const [next, ...future] = draft.future
  if (next === undefined) return draft
  return { ...draft, now: next, past: [...draft.past, draft.now], future, step: '' }
}

export const isDirty = <T>(draft: Draft<T>): boolean => !same(draft.now, draft.base)

export const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)
