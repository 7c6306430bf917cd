import { watch } from 'vue'
import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { LiveEvent } from '../live/messages'
import { useGrids, type Grid } from '../grids/store'
import { useCases, type CaseChange } from './store'
import type { Case, MoveMade } from './types'

const file = (id: number, state = 'reported', extra: Partial<Case> = {}) =>
  ({ id, state, closed_at: null, clocks: [], light: 'green', version: 1, ...extra }) as unknown as Case
const event = (seq: number, type: 'case.reported' | 'case.moved', of: Case): LiveEvent => ({
  seq,
  prev: seq - 1,
  type,
  at: '2026-11-24T06:00:00Z',
  data: { case: of, move: {} as MoveMade },
})
const flow = { flow: 'incident', stages: [], states: [{ state: 'reported', final: false }, { state: 'filed', final: false }, { state: 'void', final: true }] }

let answers: Record<string, unknown>
const ids = () => [...useCases().files.keys()].sort((a, b) => a - b)

beforeEach(() => {
  vi.useFakeTimers()
  setActivePinia(createPinia())
  answers = { flows: { flows: [flow] }, situation: {} }
  vi.stubGlobal('fetch', (path: string) => {
    const key = Object.keys(answers).find((name) => path.startsWith(`/api/v1/${name}`)) ?? ''
    return Promise.resolve(new Response(JSON.stringify(answers[key]), { headers: { 'Content-Type': 'application/json' } }))
  })
})

afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

async function opened(...files: Case[]) {
  const cases = useCases()
  await cases.load()
  cases.snapshot(files.map((row) => ({ row })))
  return cases
}

describe('the open cases', () => {
  it('are the snapshot and the events after it', async () => {
    const cases = await opened(file(1), file(2))
    cases.apply(event(11, 'case.reported', file(3)))
    cases.apply(event(12, 'case.moved', file(2, 'void')))
    expect(ids()).toEqual([1, 3])
    expect(cases.newest?.id).toBe(3)
  })

  it('are replaced by a new snapshot as a whole', async () => {
    const cases = await opened(file(1))
    cases.apply(event(15, 'case.reported', file(9)))
    cases.snapshot([{ row: file(2) }])
    expect(ids()).toEqual([2])
  })

  it('are listed anew at once after a change, and in a storm five times a second', async () => {
    const cases = await opened()
    let lists = 0
    const stop = watch(() => cases.list.length, () => (lists += 1), { flush: 'sync' })
    cases.apply(event(1, 'case.reported', file(1)))
    expect(lists).toBe(1)
    for (let n = 2; n <= 1_000; n += 1) {
      cases.apply(event(n, 'case.reported', file(n)))
      vi.advanceTimersByTime(2)
    }
    vi.advanceTimersByTime(1_000)
    stop()
    expect(cases.list).toHaveLength(1_000)
    expect(lists).toBeLessThan(15)
  })

  it('tell the map which one changed', async () => {
    const cases = await opened()
    const seen: CaseChange[] = []
    const stop = cases.onChange((change) => seen.push(change))
    cases.snapshot([{ row: file(1) }])
    cases.apply(event(11, 'case.moved', file(1, 'filed')))
    stop()
    cases.apply(event(12, 'case.moved', file(1, 'void')))
    expect(seen).toEqual([{ kind: 'all' }, { kind: 'one', id: 1 }])
  })

  it('names a case by what its grid is called now', async () => {
    const cases = await opened(file(1, 'reported', { grid: '01', grid_name: '第一网格' }), file(2, 'reported', { grid: '02', grid_name: '第二网格' }))
    useGrids().grids = new Map([['01', { code: '01', name: '河东第一网格' } as Grid]])
    await vi.advanceTimersByTimeAsync(0)
    expect([...cases.files.values()].map((one) => one.grid_name)).toEqual(['河东第一网格', '第二网格'])
    cases.snapshot([{ row: file(3, 'reported', { grid: '01', grid_name: '第一网格' }) }])
    expect(cases.files.get(3)?.grid_name).toBe('河东第一网格')
  })
})
