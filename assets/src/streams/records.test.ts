import { describe, expect, it } from 'vitest'
import { records } from './records'

function record(kind: number, stream: number, payload: Uint8Array, sequence = 0, flags = 0): Uint8Array {
  const whole = new Uint8Array(20 + payload.length)
  const view = new DataView(whole.buffer)
  view.setUint32(0, payload.length)
  view.setUint8(4, kind)
  view.setUint8(5, flags)
  view.setUint16(6, stream)
  view.setUint32(8, sequence)
  whole.set(payload, 20)
  return whole
}

const bytes = (text: string) => new TextEncoder().encode(text)
const message = (...parts: Uint8Array[]) => new Uint8Array(parts.flatMap((part) => [...part])).buffer

describe('the records of a message', () => {
  const mime = 'video/mp4; codecs="avc1.42c01e"'
  const init = record(1, 7, new Uint8Array([0, mime.length, ...bytes(mime), 9, 9]))
  const frame = record(2, 65_535, new Uint8Array([1, 2, 3]), 4_000_000_000, 3)
  const trouble = record(3, 1, bytes('{"code":"offline","zh":"离线","en":"offline"}'))

  const moved = record(5, 2, bytes('{"at":"https://10.2.0.5:8443","token":"t"}'))

  it('come apart as they were put together', () => {
    expect([...records(message(init, frame, trouble, moved))]).toEqual([
      { kind: 1, stream: 7, mime, sound: false, data: new Uint8Array([9, 9]) },
      { kind: 2, stream: 65_535, flags: 3, sequence: 4_000_000_000, data: new Uint8Array([1, 2, 3]) },
      { kind: 3, stream: 1, code: 'offline', words: { zh: '离线', en: 'offline' } },
      { kind: 5, stream: 2, at: 'https://10.2.0.5:8443', token: 't' },
    ])
  })

  it('end where a message is cut, at any byte', () => {
    const whole = message(init, frame)
    for (let n = 0; n < whole.byteLength; n += 1) expect([...records(whole.slice(0, n))].length).toBeLessThan(2)
  })

  it('of a kind that this page does not know are passed over', () => {
    expect([...records(message(record(9, 1, bytes('new')), frame))]).toHaveLength(1)
  })
})
