import { describe, expect, it } from 'vitest'
import { columnsFor, laidOut, layouts, placeOf, placesOf, raster, type Rect, type Scene } from './scenes'
import { groupsOf } from './tour'

const area = ([, , w, h]: Rect) => w * h
const apart = (a: Rect, b: Rect) => a[0] + a[2] <= b[0] || b[0] + b[2] <= a[0] || a[1] + a[3] <= b[1] || b[1] + b[3] <= a[1]

describe('layouts', () => {
  it.each(layouts.filter((layout) => layout !== 'free'))('%s covers the screen once, in whole units', (layout) => {
    const places = placesOf(layout)
    expect(places.length).toBe(layout === '1+5' ? 6 : Number(layout))
    expect(places.reduce((sum, at) => sum + area(at), 0)).toBe(raster.width * raster.height)
    expect(places.flat().every(Number.isInteger)).toBe(true)
    expect(places.every((a, n) => places.every((b, m) => n === m || apart(a, b)))).toBe(true)
  })

  it('keep what tiles show when the layout changes', () => {
    const scene: Scene = { id: 'a', revision: 1, title: { zh: '甲', en: 'A' }, layout: 'free', tiles: [{ id: 'map', at: [0, 0, 240, 120], content: { kind: 'map' } }] }
    const four = laidOut(scene, '4')
    expect(four.tiles.map((tile) => tile.content.kind)).toEqual(['map', 'empty', 'empty', 'empty'])
    expect(new Set(four.tiles.map((tile) => tile.id)).size).toBe(4)
  })

  it('take wide places on wide screens alone', () => {
    const tile = { id: 'a', at: [0, 0, 10, 10] as Rect, wide: [0, 0, 5, 5] as Rect, content: { kind: 'map' as const } }
    expect(placeOf(tile, 1920, 1080)).toEqual(tile.at)
    expect(placeOf(tile, 6656, 1792)).toEqual(tile.wide)
  })

  it('choose columns for the shape of the box', () => {
    expect([columnsFor(6, 400, 400), columnsFor(9, 1920, 1080), columnsFor(4, 200, 900)]).toEqual([2, 3, 1])
  })
})

describe('a tour', () => {
  const dark = (id: string) => id.startsWith('x')
  it('leaves dark cameras out and counts them', () => {
    expect(groupsOf(['a', 'x1', 'b', 'c', 'x2'], [], 2, dark)).toEqual({ groups: [['a', 'b'], ['c']], skipped: 2 })
  })
  it('keeps pinned cameras in every group, dark or not', () => {
    expect(groupsOf(['a', 'b', 'x1', 'c'], ['x1'], 2, dark)).toEqual({ groups: [['x1', 'a'], ['x1', 'b'], ['x1', 'c']], skipped: 0 })
  })
  it('shows dark ones when there is nothing else', () => {
    expect(groupsOf(['x1', 'x2'], [], 6, dark)).toEqual({ groups: [['x1', 'x2']], skipped: 0 })
  })
})
