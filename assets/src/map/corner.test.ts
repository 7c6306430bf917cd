import { describe, expect, it } from 'vitest'
import { corner } from './corner'

const area = { left: 100, top: 50, right: 900, bottom: 650, gap: 20 }
const size = { width: 200, height: 100 }

describe('the corner for a card', () => {
  it.each([
    ['above right where there is room', { x: 400, y: 400 }, { x: 420, y: 280, foot: { x: 420, y: 380 } }],
    ['above left at the right edge', { x: 800, y: 400 }, { x: 580, y: 280, foot: { x: 780, y: 380 } }],
    ['below right at the top', { x: 400, y: 60 }, { x: 420, y: 80, foot: { x: 420, y: 80 } }],
    ['below left in the upper right corner', { x: 890, y: 60 }, { x: 670, y: 80, foot: { x: 870, y: 80 } }],
  ])('is %s', (_, at, placed) => {
    expect(corner(at, size, area)).toEqual(placed)
  })

  it('stays between the panels when nothing fits', () => {
    const { x, y } = corner({ x: 10, y: 10 }, { width: 900, height: 700 }, area)
    expect({ x, y }).toEqual({ x: 100, y: 50 })
  })
})
