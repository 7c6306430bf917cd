import { describe, expect, it } from 'vitest'
import { frame, isInit, setup } from './mp4'

const bytes = (...parts: (number | string | readonly number[] | Uint8Array)[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(parts.flatMap((part) => (typeof part === 'string' ? [...new TextEncoder().encode(part)] : typeof part === 'number' ? word(part) : [...part])))
const word = (n: number): number[] => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]
const box = (name: string, ...parts: Parameters<typeof bytes>): Uint8Array<ArrayBuffer> => {
  const content = bytes(...parts)
  return bytes(content.length + 8, name, content)
}

/** As streams/mse writes it: moof with mfhd and traf, then mdat. */
function fragment(track: number, decode: number, offset: number, flags: number, data: number[]): Uint8Array<ArrayBuffer> {
  const traf = box('traf', box('tfhd', 0x02_0000, track), box('tfdt', 0x0100_0000, 1, decode), box('trun', 0x0100_0f01, 1, 112, 3_600, data.length, flags, offset))
  return bytes(box('moof', box('mfhd', 0, 1), traf), box('mdat', data))
}

describe('the fragmented MP4 of this server', () => {
  it('tells how a decoder is set up', () => {
    const init = bytes(box('ftyp', 'isom'), box('moov', box('avcC', [1, 0x64, 0, 0x1f, 9])))
    expect(isInit(init)).toBe(true)
    expect(setup('video/mp4; codecs="avc1.64001f,mp4a.40.2"', init)).toEqual({ codec: 'avc1.64001f', description: new Uint8Array([1, 0x64, 0, 0x1f, 9]) })
    expect(setup('video/mp4; codecs="avc1.64001f"', bytes(box('ftyp', 'isom')))).toBeUndefined()
  })

  it('is a frame a fragment, with the time when it is shown', () => {
    const key = fragment(1, 90_000, 7_200, 0x0200_0000, [1, 2, 3])
    expect(isInit(key)).toBe(false)
    expect(frame(key)).toEqual({ key: true, at: Math.round(((2 ** 32 + 90_000 + 7_200) * 1_000_000) / 90_000), data: new Uint8Array([1, 2, 3]) })
    expect(frame(fragment(1, 0, -3_600, 0x0101_0000, [4]))).toMatchObject({ key: false, at: Math.round(((2 ** 32 - 3_600) * 1_000_000) / 90_000) })
  })

  it('leaves sound and what is cut out', () => {
    expect(frame(fragment(2, 0, 0, 0x0200_0000, [1]))).toBeUndefined()
    expect(frame(fragment(1, 0, 0, 0x0200_0000, [1, 2]).slice(0, -1))).toBeUndefined()
  })
})
