import { describe, expect, it } from 'vitest'
import { nextPage } from './next'

describe('the page after the login', () => {
  it.each([
    ['', '/'],
    ['?next=/wall/main', '/wall/main'],
    ['?next=%2F%3Fcase%3D7', '/?case=7'],
    ['?next=https://elsewhere.example/', '/'],
    ['?next=//elsewhere.example/', '/'],
    ['?next=/%5Celsewhere.example/', '/'],
    ['?next=javascript:alert(1)', '/'],
  ])('of %s is %s', (search, page) => {
    expect(nextPage(search)).toBe(page)
  })
})
