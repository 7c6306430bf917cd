import { describe, expect, it } from 'vitest'
import { matching } from './choice'

const choices = [
  { value: '07003', name: '暴露垃圾', hint: '07003 市容环境' },
  { value: '07011', name: '垃圾满溢', hint: '07011 市容环境' },
  { value: '09001', name: 'Road damage', hint: '09001 streets' },
]
const values = (text: string) => matching(choices, text, 8).map((choice) => choice.value)

describe('a choice by words', () => {
  it.each([
    ['', ['07003', '07011', '09001']],
    ['垃圾', ['07011', '07003']],
    ['市容 暴露', ['07003']],
    ['ROAD', ['09001']],
    ['090', ['09001']],
    ['nothing', []],
  ])('for "%s"', (text, found) => {
    expect(values(text)).toEqual(found)
  })
})
