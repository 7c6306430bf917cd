import { beforeEach, describe, expect, it } from 'vitest'
import { ref } from 'vue'
import { everything } from './queue'
import { parseSaved, useSavedFilters } from './saved'

describe('filters that are kept', () => {
  beforeEach(() => localStorage.clear())

  it('are there again for the account that kept them, and for no other', () => {
    const account = ref('wang')
    const late = { ...everything, light: 'red' as const }
    const first = useSavedFilters(() => account.value)
    first.keep(late)
    first.keep({ ...late, text: ' ' })
    expect(first.saved.value).toEqual([late])
    expect(useSavedFilters(() => 'wang').saved.value).toEqual([late])
    expect(useSavedFilters(() => 'li').saved.value).toEqual([])
    first.drop(late)
    expect(useSavedFilters(() => 'wang').saved.value).toEqual([])
  })

  it('are six: a seventh takes the place of the oldest', () => {
    const { saved, keep } = useSavedFilters(() => 'wang')
    for (let n = 0; n < 7; n += 1) keep({ ...everything, text: `${n}` })
    expect(saved.value.map((one) => one.text)).toEqual(['1', '2', '3', '4', '5', '6'])
  })

  it('are none where the browser keeps something else under their name', () => {
    expect(parseSaved('{')).toEqual([])
    expect(parseSaved('{"a": 1}')).toEqual([])
    expect(parseSaved('[null, 3, {"light": "red"}]')).toEqual([{ ...everything, light: 'red' }])
  })
})
