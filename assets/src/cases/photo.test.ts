import { describe, expect, it } from 'vitest'
import { fitted } from './photo'

describe('an uploaded picture', () => {
  it.each([
    [4000, 3000, { width: 1920, height: 1440 }],
    [3000, 4000, { width: 1440, height: 1920 }],
    [800, 600, { width: 800, height: 600 }],
  ])('of %d×%d keeps its shape and is at most 1920 px long', (width, height, size) => {
    expect(fitted(width, height)).toEqual(size)
  })
})
