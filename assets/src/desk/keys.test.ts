import { describe, expect, it } from 'vitest'
import { commandOf } from './keys'

const element = (tag: string) => document.createElement(tag)

describe('the keys of the desk', () => {
  it.each([
    ['j', 'next'],
    ['K', 'previous'],
    ['Enter', 'act'],
    ['/', 'search'],
    ['a', 'acknowledge'],
    ['M', 'alarms'],
    ['P', 'parallel'],
    [']', 'beside'],
    ['?', 'help'],
    ['c', 'accept'],
    ['3', 3],
    ['0', null],
    ['x', null],
  ])('%s is %s', (key, command) => {
    expect(commandOf(key, element('main'))).toBe(command)
  })

  it('are letters while somebody types, and Escape still leaves', () => {
    expect(commandOf('n', element('input'))).toBeNull()
    expect(commandOf('3', element('input'))).toBeNull()
    expect(commandOf('/', element('textarea'))).toBeNull()
    expect(commandOf('Escape', element('input'))).toBe('leave')
  })

  it('leave Enter to the button that has the focus', () => {
    expect(commandOf('Enter', element('button'))).toBeNull()
    expect(commandOf('j', element('button'))).toBe('next')
  })
})
