import { describe, expect, it } from 'vitest'
import { clockLight, lightOf, nextClock, urgencyKey, usedShare } from './lights'
import type { Case, Clock } from './types'

const clock = (stage: Clock['stage'], warn: string, due: string, paused: string | null = null): Clock => ({
  stage,
  started_at: '2026-11-24T00:00:00Z',
  warn_at: `2026-11-24T${warn}:00Z`,
  due_at: `2026-11-24T${due}:00Z`,
  paused_at: paused,
})
const at = (time: string) => Date.parse(`2026-11-24T${time}Z`)
const file = (clocks: Clock[], light: Case['light'] = 'green') => ({ clocks, light }) as Case

describe('lights', () => {
  const sign = clock('sign', '03:12', '04:00')

  it.each([
    ['03:11:59', 'green'],
    ['03:12:00', 'yellow'],
    ['03:59:59', 'yellow'],
    ['04:00:00', 'red'],
  ])('at %s a clock is %s', (time, light) => {
    expect(clockLight(sign, at(time))).toBe(light)
  })

  it('are the worst of the running clocks', () => {
    expect(lightOf(file([clock('total', '20:00', '22:00'), sign]), at('04:00:01'))).toBe('red')
  })

  it('are grey only while every clock is paused', () => {
    const paused = clock('handle', '01:00', '02:00', '2026-11-24T00:30:00Z')
    expect(lightOf(file([paused]), at('05:00:00'))).toBe('grey')
    expect(lightOf(file([paused, sign]), at('03:30:00'))).toBe('yellow')
  })

  it('stay frozen when no clock runs', () => {
    expect(lightOf(file([], 'red'), at('05:00:00'))).toBe('red')
  })

  it('rank the queue by what will be late next', () => {
    const total = clock('total', '20:00', '22:00')
    expect(nextClock(file([total, sign]))?.stage).toBe('sign')
    expect(urgencyKey(file([total, sign]))).toBeLessThan(urgencyKey(file([total])))
    expect(urgencyKey(file([]))).toBe(Number.MAX_SAFE_INTEGER)
  })

  it('fill a bar by the share used, which stops while paused', () => {
    expect(usedShare(sign, at('03:00:00'))).toBeCloseTo(0.75)
    expect(usedShare(clock('handle', '03:00', '04:00', '2026-11-24T02:00:00Z'), at('09:00:00'))).toBeCloseTo(0.5)
  })
})
