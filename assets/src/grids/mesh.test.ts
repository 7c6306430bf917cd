import { describe, expect, it } from 'vitest'
import { Mesh, type Corner, type Drawn } from './mesh'

const cell = (code: string, ...ring: Corner[]): Drawn => ({ code, geometry: { type: 'Polygon', coordinates: [[...ring, ring[0] ?? [0, 0]]] } })

/** Two cells side by side under one parent, with a digit too many for a drawing tool. */
const two = () =>
  new Mesh([
    cell('west', [0.12345678912, 0], [1, 0], [1, 1], [0, 1]),
    cell('east', [1, 0], [2, 0], [2, 1], [1, 1]),
    cell('parent', [0.12345678912, 0], [1, 0], [2, 0], [2, 1], [1, 1], [0, 1]),
  ])

function drag(mesh: Mesh, code: string, corner: Corner, to: Corner): string[] {
  const [ring = []] = mesh.rings(code)
  return mesh.follow(code, 0, ring.map((at) => (at[0] === corner[0] && at[1] === corner[1] ? to : at)))
}

describe('Mesh', () => {
  it('moves a corner in all cells that have it, and keeps every digit of the others', () => {
    const mesh = two()
    expect(drag(mesh, 'west', [1, 1], [1.2, 1.1])).toEqual(['west', 'east', 'parent'])
    mesh.commit()
    expect(mesh.rings('east')[0]).toContainEqual([1.2, 1.1])
    expect(mesh.changed().find(({ code }) => code === 'west')?.geometry.coordinates).toEqual([[[[0.12345678912, 0], [1, 0], [1.2, 1.1], [0, 1], [0.12345678912, 0]]]])
  })

  it('gives a cell that nobody moved with every digit it came with', () => {
    expect(two().drawn('west').geometry.coordinates).toEqual([[[[0.12345678912, 0], [1, 0], [1, 1], [0, 1], [0.12345678912, 0]]]])
  })

  it('puts a new corner into both sides of a border, and takes it out of both', () => {
    const mesh = two()
    const [ring = []] = mesh.rings('west')
    expect(mesh.follow('west', 0, [...ring.slice(0, 2), [1, 0.5], ...ring.slice(2)])).toEqual(['west', 'east'])
    mesh.commit()
    expect(mesh.rings('east')[0]).toEqual([[1, 0], [2, 0], [2, 1], [1, 1], [1, 0.5], [1, 0]])
    expect(mesh.follow('east', 0, (mesh.rings('east')[0] ?? []).filter(([lon, lat]) => !(lon === 1 && lat === 0.5)))).toEqual(['west', 'east'])
    expect(mesh.changed()).toEqual([])
  })

  it('undoes and redoes whole gestures', () => {
    const mesh = two()
    drag(mesh, 'west', [1, 1], [1.1, 1])
    drag(mesh, 'west', [1.1, 1], [1.2, 1])
    mesh.commit()
    mesh.commit()
    expect([mesh.canUndo, mesh.canRedo]).toEqual([true, false])
    mesh.undo()
    expect(mesh.changed()).toEqual([])
    expect([mesh.canUndo, mesh.canRedo]).toEqual([false, true])
    mesh.redo()
    expect(mesh.rings('east')[0]).toContainEqual([1.2, 1])
  })

  it('knows who borders on whom', () => {
    expect(two().neighbours('west')).toEqual(['east', 'parent'])
  })
})
