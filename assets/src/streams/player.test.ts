import { describe, expect, it } from 'vitest'
import { Problem } from '../access/http'
import { followRate } from './mse'
import { transports } from './setting'
import { backoff, failureOf, pause, StreamError } from './player'

describe('a player', () => {
  it('waits longer after each failure, at most 15 s', () => {
    expect([0, 1, 2, 3, 4, 9].map(backoff)).toEqual([1_000, 2_000, 4_000, 8_000, 15_000, 15_000])
  })

  it('stays at the live edge: hurries when a little behind, jumps when far or ahead', () => {
    expect([0.1, 0.34, 0.36, 1.4, 1.6, -0.6].map(followRate)).toEqual([1, 1, 1.1, 1.1, 'jump', 'jump'])
  })

  it('gives the reason in the words of the server', () => {
    expect(failureOf(new Problem(503, 'offline', '摄像机不可达'))).toEqual({ code: 'offline', words: '摄像机不可达' })
    expect(failureOf(new StreamError({ code: 'decode', words: '' }))).toEqual({ code: 'decode', words: '' })
    expect(failureOf(new TypeError('x'))).toEqual({ code: 'broken', words: '' })
  })

  it('takes WHEP before MSE, waits for a dark camera over MSE, and obeys the setting of the page', () => {
    expect(transports(false, false, '')).toEqual(['page', 'whep'])
    expect(transports(false, true, '')).toEqual(['whep', 'page'])
    expect(transports(true, true, '')).toEqual(['page'])
    expect(transports(true, false, '?video=whep')).toEqual(['whep'])
    expect(transports(false, true, '?video=mse')).toEqual(['mse'])
    expect(transports(false, false, '?video=avi')).toEqual(['page', 'whep'])
  })

  it('stops waiting when it is closed', async () => {
    const run = new AbortController()
    const waiting = pause(60_000, run.signal)
    run.abort()
    await expect(waiting).resolves.toBeUndefined()
  })
})
