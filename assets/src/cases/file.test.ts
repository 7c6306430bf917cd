import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, ref } from 'vue'
import type { LiveEvent } from '../live/messages'
import { useCaseFile } from './file'
import { useCases } from './store'

const answer = (body: unknown) => new Response(JSON.stringify(body), { headers: { 'Content-Type': 'application/json' } })

describe('an open case', () => {
  let waiting: ((state: string) => void)[]
  beforeEach(() => {
    setActivePinia(createPinia())
    waiting = []
    vi.stubGlobal('fetch', (path: string, init?: RequestInit) => {
      if (init?.method === 'POST' || !path.endsWith('/7')) return Promise.resolve(answer({ entries: [] }))
      return new Promise((resolve) => waiting.push((state) => resolve(answer({ id: 7, state, moves: [] }))))
    })
  })
  afterEach(() => vi.unstubAllGlobals())

  it('stands as it is when a move has been made, though its event asks for it in the same moment', async () => {
    const scope = effectScope()
    await scope.run(async () => {
      const open = useCaseFile(ref(7))
      await vi.waitFor(() => expect(waiting).toHaveLength(1))
      waiting[0]?.('reported')
      await vi.waitFor(() => expect(open.file.value?.state).toBe('reported'))

      const made = open.move({ move: 'verify' }).then(() => open.file.value?.state)
      await vi.waitFor(() => expect(waiting).toHaveLength(2))
      useCases().apply({ seq: 2, prev: 1, type: 'case.moved', at: '2026-11-24T06:00:00Z', data: { case: { id: 7, state: 'verified', closed_at: null }, move: {} } } as unknown as LiveEvent)
      await vi.waitFor(() => expect(waiting).toHaveLength(3))
      waiting[1]?.('verified')
      await new Promise((resolve) => setTimeout(resolve, 20))
      waiting[2]?.('verified')
      expect(await made).toBe('verified')
    })
    scope.stop()
  })
})
