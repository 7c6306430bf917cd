import { describe, expect, it } from 'vitest'
import { begin, changed, isDirty, redone, undone } from './draft'
import { added, differences, dragged, freePoint, linesOf, merged, overlaps, placed, sceneId, whole, without } from './edit'
import { hang, leastHanzi } from './hung'
import type { Rect, Scene } from './scenes'

const scene = (): Scene => ({
  id: 'a',
  revision: 3,
  title: { zh: '甲', en: 'A' },
  layout: '4',
  tiles: [
    { id: 'map', at: [0, 0, 120, 120], content: { kind: 'map' } },
    { id: 'case', at: [120, 0, 120, 60], content: { kind: 'case' } },
  ],
})
const none = { x: [], y: [] }

describe('a draft', () => {
  it('goes back and forth, and a new change ends the way forth', () => {
    let draft = changed(changed(begin(1), 2), 3)
    draft = undone(draft)
    expect([draft.now, redone(draft).now, undone(undone(draft)).now]).toEqual([2, 3, 1])
    expect(redone(changed(draft, 9)).now).toBe(9)
  })
  it('takes changes of one step back together', () => {
    const draft = changed(changed(changed(begin('a'), 'ab', 'title'), 'abc', 'title'), 'abcd', 'title')
    expect(undone(draft).now).toBe('a')
  })
  it('knows whether anything is left to save', () => {
    const draft = changed(begin('a'), 'b')
    expect([isDirty(draft), isDirty(undone(draft)), isDirty(changed(draft, 'a'))]).toEqual([true, false, false])
  })
})

describe('a tile that is dragged', () => {
  const at: Rect = [100, 40, 60, 40]
  it('moves in steps and keeps its size', () => expect(dragged(at, whole, 12, -8, none)).toEqual([110, 30, 60, 40]))
  it('stays on the screen', () => expect(dragged(at, whole, 500, -500, none)).toEqual([180, 0, 60, 40]))
  it('catches the edge of another, by its near or far side', () => {
    const lines = linesOf([[0, 0, 87, 120]])
    expect(dragged(at, whole, -12, 0, lines)).toEqual([87, 40, 60, 40])
    expect(dragged([20, 0, 60, 40], whole, 6, 0, linesOf([[88, 0, 100, 120]]))).toEqual([28, 0, 60, 40])
  })
  it('is sized by a side, and no smaller than can be read', () => {
    expect(dragged(at, { x: 1, y: 0 }, 23, 50, none)).toEqual([100, 40, 85, 40])
    expect(dragged(at, { x: -1, y: -1 }, 500, 500, none)).toEqual([140, 65, 20, 15])
  })
})

describe('a scene that is edited', () => {
  it('has places of their own for wide screens', () => {
    const wide = placed(scene(), 'map', [0, 0, 60, 120], true)
    expect(wide.tiles[0]).toMatchObject({ at: [0, 0, 120, 120], wide: [0, 0, 60, 120] })
    expect([wide.layout, placed(scene(), 'map', [0, 0, 60, 120], false).layout]).toEqual(['4', 'free'])
  })
  it('gets a new tile into the free room around the point', () => {
    const { scene: after, id } = added(scene(), { kind: 'trend' }, 200, 100, false)
    expect(after.tiles.find((tile) => tile.id === id)?.at).toEqual([120, 60, 120, 60])
    expect(freePoint(scene(), false)).toEqual({ x: 180, y: 90 })
    expect(freePoint(after, false)).toBeNull()
  })
  it('names the tiles that lie over one another', () => {
    expect(overlaps(scene(), false)).toEqual([])
    expect(overlaps(placed(scene(), 'map', [0, 0, 125, 120], false), false).map((pair) => pair.map((tile) => tile.id))).toEqual([['map', 'case']])
  })
})

describe('two who edited one scene', () => {
  const mine = placed(scene(), 'map', [0, 0, 100, 120], false)
  const theirs: Scene = { ...without(scene(), 'case'), revision: 4, title: { zh: '乙', en: 'B' } }
  it('are told apart', () => {
    expect(differences(scene(), mine).map(({ what }) => what)).toEqual(['layout', 'placed'])
    expect(differences(scene(), theirs).map(({ what }) => what)).toEqual(['title', 'layout', 'removed'])
  })
  it('are put together: what I touched is mine, the rest stands', () => {
    expect(merged(scene(), mine, theirs)).toEqual({ id: 'a', revision: 4, title: { zh: '乙', en: 'B' }, layout: 'free', tiles: [{ id: 'map', at: [0, 0, 100, 120], content: { kind: 'map' } }] })
  })
  it('leave a new scene an id that nobody has', () => {
    expect([sceneId('Flood watch!', []), sceneId('Rain', ['rain']), sceneId('汛期', ['scene'])]).toEqual(['flood-watch', 'rain-2', 'scene-2'])
  })
})

describe('screens that hang', () => {
  const screen = { id: '1', name: '', width_px: 1000, height_px: 500, pitch_mm: 2, bezel_mm: 10, seat_m: 8 }
  it('stand side by side in mm, bezels between', () => {
    const { hung, width, height } = hang([screen, { ...screen, id: '2', pitch_mm: 1 }])
    expect(hung.map((one) => [one.x, one.y, one.width, one.height])).toEqual([[10, 10, 2000, 1000], [2030, 260, 1000, 500]])
    expect([width, height]).toEqual([3040, 1020])
  })
  it('are compared in pixels where one is not measured', () => {
    expect(hang([screen, { ...screen, id: '2', pitch_mm: 0 }]).hung.map((one) => one.width)).toEqual([1000, 1000])
  })
  it('say the least text that can be read', () => {
    expect([leastHanzi(screen), leastHanzi({ ...screen, seat_m: 0 })]).toEqual([28, null])
  })
})
