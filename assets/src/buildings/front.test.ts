import { describe, expect, it } from 'vitest'
import { front } from './front'

describe('the front of a building', () => {
  it('has the topmost floor first and a column for each stairway', () => {
    expect(front(2, 3)).toEqual([
      { floor: 2, label: '2', units: [1, 2, 3] },
      { floor: 1, label: '1', units: [1, 2, 3] },
    ])
  })

  it('numbers a tower every other floor, its first and its last always', () => {
    const labels = front(33, 2).map((row) => row.label)
    expect(labels[0]).toBe('33')
    expect(labels[1]).toBe('32')
    expect(labels[2]).toBe('')
    expect(labels.at(-1)).toBe('1')
  })

  it('is empty where the floors are not known, and has one stairway where theirs are not', () => {
    expect(front(0, 2)).toEqual([])
    expect(front(1, 0)).toEqual([{ floor: 1, label: '1', units: [1] }])
  })
})
