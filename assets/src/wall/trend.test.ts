import { describe, expect, it } from 'vitest'
import { ceiling, frame, frameIn, trendOf, type Hour } from './trend'

const hours: Hour[] = Array.from({ length: 24 }, (_, hour) => ({ hour, reported: hour, closed: hour / 2, reported_yesterday: 5 }))

describe('the trend of the day', () => {
  it.each([
    [4, 4],
    [5, 6],
    [9, 10],
    [11, 20],
    [37, 40],
    [99, 100],
    [101, 200],
  ])('puts %d under %d', (value, top) => {
    expect(ceiling(value)).toBe(top)
  })

  it('draws the day up to the present hour, and yesterday whole', () => {
    const trend = trendOf(hours, 9, frame)
    expect(trend.bars.map((bar) => bar.hour)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(trend.reported.split('L')).toHaveLength(10)
    expect(trend.yesterday.split('L')).toHaveLength(24)
  })

  it('is as wide as its box, its figures as large as in any other', () => {
    const wide = frameIn(1000, 200)
    expect(wide).toEqual({ ...frame, width: 660 })
    expect(frameIn(0, 0).width).toBe(264)
    expect(trendOf(hours, 23, wide).points.at(-1)?.x).toBeCloseTo(660 - frame.right - (660 - frame.left - frame.right) / 48)
  })

  it('stays inside its frame', () => {
    const trend = trendOf(hours, 23, frame)
    for (const bar of trend.bars) {
      expect(bar.y).toBeGreaterThanOrEqual(frame.top)
      expect(bar.y + bar.height).toBeCloseTo(frame.height - frame.bottom)
      expect(bar.x + bar.width).toBeLessThanOrEqual(frame.width - frame.right)
    }
  })
})
