import { expect, test } from 'vitest'
import { codecName, profileFor } from './codec'

test('codecs are called what people call them', () => {
  expect(codecName('video/mp4; codecs="hvc1.1.6.L93.B0"')).toBe('H.265')
  expect(codecName('video/mp4; codecs="avc1.42c01e,mp4a.40.2"')).toBe('H.264')
  expect(codecName('video/mp4; codecs="av01.0.04M.08"')).toBe('av01')
})

test('small tiles take the sub-stream, large ones and those of dense screens the main one', () => {
  expect(profileFor(270, 1)).toBe('sub')
  expect(profileFor(270, 2)).toBe('main')
  expect(profileFor(900, 1)).toBe('main')
})
