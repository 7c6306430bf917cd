import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { LiveEvent } from '../live/messages'
import { useCases, type CaseChange } from './store'
import type { Case, MoveMade } from './types'

const file = (id: number, state = 'reported', extra: Partial<Case> = {}) =>
  ({ id, state, closed_at: null, clocks: [], light: 'green', version: 1, ...extra }) as unknown as Case
const event = (seq: number, type: 'case.reported' | 'case.moved', of: Case): LiveEvent => ({
  seq,
  type,
  at: '2026-11-24T06:00:00Z',
  data: { case: of, move: {} as MoveMade },
})
const flow = { states: [{ state: 'reported', final: false }, { state: 'filed', final: false }, { state: 'void', final: true }] }

let answers: Record<string, unknown>
const ids = () => [...useCases().files.keys()].sort((a, b) => a - b)

beforeEach(() => {
  vi.useFakeTimers()
  setActivePinia(createPinia())
  answers = { flows: flow, situation: {}, cases: { seq: 10, cases: [file(1), file(2)], next: null } }
  vi.stubGlobal('fetch', (path: string) => {
    const key = Object.keys(answers).find((name) => path.startsWith(`/api/v1/${name}`)) ?? ''
    return Promise.resolve(new Response(JSON.stringify(answers[key]), { headers: { 'Content-Type': 'application/json' } }))
  })
})

afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

describe('the open cases', () => {
  it('are the snapshot and the events after it', async () => {
    const cases = useCases()
    await cases.load()
    cases.apply(event(10, 'case.moved', file(1, 'void')))
    expect(ids()).toEqual([1, 2])
    cases.apply(event(11, 'case.reported', file(3)))
    cases.apply(event(12, 'case.moved', file(2, 'void')))
    expect(ids()).toEqual([1, 3])
    expect(cases.newest?.id).toBe(3)
  })

  it('keep what an event said while an older snapshot was on its way', async () => {
    const cases = useCases()
    await cases.load()
    cases.apply(event(15, 'case.reported', file(9)))
    cases.apply(event(16, 'case.moved', file(1, 'void')))
    answers.cases = { seq: 14, cases: [file(1), file(2), file(4)], next: null }
    await cases.load()
    expect(ids()).toEqual([2, 4, 9])
  })

  it('forget what a newer snapshot no longer holds', async () => {
    const cases = useCases()
    await cases.load()
    cases.apply(event(15, 'case.reported', file(9)))
    answers.cases = { seq: 20, cases: [file(2)], next: null }
    await cases.load()
    expect(ids()).toEqual([2])
  })

  it('tell the map which one changed', async () => {
    const cases = useCases()
    const seen: CaseChange[] = []
    const stop = cases.onChange((change) => seen.push(change))
    await cases.load()
    cases.apply(event(11, 'case.moved', file(1, 'filed')))
    stop()
    cases.apply(event(12, 'case.moved', file(1, 'void')))
    expect(seen).toEqual([{ kind: 'all' }, { kind: 'one', id: 1 }])
  })
})
