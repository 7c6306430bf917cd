import { expect, test } from 'vitest'
import { table } from './g711'

test('A-law and µ-law have the values of the recommendation', () => {
  const a = table(false)
  const mu = table(true)
  const sample = (of: Float32Array, code: number) => Math.round((of[code] ?? NaN) * 32_768)
  // G.711, tables 1a and 2a, scaled to 16 bits: the least and the greatest of each sign.
  expect([0xd5, 0x55, 0xaa, 0x2a].map((code) => sample(a, code))).toEqual([8, -8, 32_256, -32_256])
  expect([0xff, 0x7f, 0x80, 0x00].map((code) => sample(mu, code))).toEqual([0, -0, 32_124, -32_124])
})

test('louder codes are never quieter', () => {
  for (const muLaw of [false, true]) {
    const sizes = Array.from(table(muLaw), Math.abs).sort((x, y) => x - y)
    expect(new Set(sizes).size).toBe(muLaw ? 128 : 128)
  }
})
