import { describe, expect, it } from 'vitest'
import { clockwise, counting, spans } from './duration'

describe('durations', () => {
  it.each([
    [0, '00:00'],
    [155_000, '02:35'],
    [3_600_000, '1:00:00'],
    [25_452_000, '7:04:12'],
    [274_320_000, '3天04:12'],
    [-5_000, '00:00'],
  ])('%d ms counts as %s', (ms, text) => {
    expect(counting(ms, '天')).toBe(text)
  })

  it('count a stale page in hours, minutes and seconds', () => {
    expect(clockwise(7)).toBe('00:00:07')
    expect(clockwise(3_671)).toBe('01:01:11')
  })

  it.each([
    [600, '10 minute'],
    [86_220, '23 hour 57 minute'],
    [86_760, '1 day 6 minute'],
    [42, '42 second'],
    [0, '0 second'],
  ])('%d s is told as %s', (seconds, told) => {
    expect(spans(seconds).map((span) => `${span.count} ${span.unit}`).join(' ')).toBe(told)
  })
})
