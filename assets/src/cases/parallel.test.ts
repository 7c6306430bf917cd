import { beforeEach, describe, expect, it } from 'vitest'
import { parseParallel, useParallel } from './parallel'

const file = (id: number) => ({ id, number: `2018-${id}`, title: `case ${id}` })

describe('cases side by side', () => {
  beforeEach(() => sessionStorage.clear())

  it('keep the panel that they were in; what passes by gets another', () => {
    const { keep, panelOf } = useParallel()
    const here = panelOf(1)
    expect(panelOf(2)).toBe(here)
    keep(file(1))
    expect(panelOf(1)).toBe(here)
    expect(panelOf(2)).not.toBe(here)
    keep(file(2))
    expect(new Set([panelOf(1), panelOf(2), panelOf(3)]).size).toBe(3)
  })

  it('give the panel back when they are let go, with what is written in it', () => {
    const { keep, drop, panelOf } = useParallel()
    keep(file(1))
    const here = panelOf(1)
    drop(1)
    expect(panelOf(1)).toBe(here)
  })

  it('are six, and the seventh is refused', () => {
    const { files, keep } = useParallel()
    expect([1, 2, 3, 4, 5, 6, 6, 7].map((id) => keep(file(id)))).toEqual([true, true, true, true, true, true, true, false])
    expect(files.value.map((one) => one.id)).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('are gone through round and round', () => {
    const { keep, beside } = useParallel()
    expect(beside(null, 1)).toBeNull()
    for (const id of [1, 2, 3]) keep(file(id))
    expect([beside(3, 1), beside(1, -1), beside(2, 1), beside(9, 1)]).toEqual([1, 3, 3, 1])
  })

  it('are there again after the page was loaded anew', () => {
    useParallel().keep(file(4))
    expect(useParallel().files.value.map(({ id, number, title }) => ({ id, number, title }))).toEqual([file(4)])
    expect(parseParallel('[3, null, {"id": "x"}, {"id": 1}]')).toEqual([])
    expect(parseParallel('{')).toEqual([])
  })
})
