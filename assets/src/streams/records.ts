import type { Named } from '../i18n'

/** Kinds of records of the page's socket, as streams/page has them. */
export const recordKind = { init: 1, fragment: 2, trouble: 3, sound: 4, moved: 5 } as const

export const recordFlag = { key: 1, cached: 2, lost: 4, still: 8 } as const

/** Flags of an init: the camera has sound. */
export const initFlag = { sound: 1 } as const

export type Camera =
  | { kind: 1; stream: number; mime: string; sound: boolean; data: Uint8Array<ArrayBuffer> }
  | { kind: 2; stream: number; flags: number; sequence: number; data: Uint8Array<ArrayBuffer> }
  | { kind: 4; stream: number; muLaw: boolean; channels: number; rate: number; data: Uint8Array<ArrayBuffer> }
  | { kind: 3; stream: number; code: string; words: Named }
  | { kind: 5; stream: number; at: string; token: string }

const headSize = 20
const text = new TextDecoder()

/** Takes a message apart; the data are views of it. What is cut or of an unknown kind is left out. */
export function* records(message: ArrayBuffer): Generator<Camera> {
  const view = new DataView(message)
  for (let at = 0; at + headSize <= message.byteLength; ) {
    const length = view.getUint32(at)
    const kind = view.getUint8(at + 4)
    const flags = view.getUint8(at + 5)
    const stream = view.getUint16(at + 6)
    const sequence = view.getUint32(at + 8)
    const begin = at + headSize
    at = begin + length
    if (at > message.byteLength) return
    if (kind === recordKind.init) {
      const mimeLength = view.getUint16(begin)
      const mime = text.decode(new Uint8Array(message, begin + 2, mimeLength))
      yield { kind, stream, mime, sound: (flags & initFlag.sound) !== 0, data: new Uint8Array(message, begin + 2 + mimeLength, length - 2 - mimeLength) }
    } else if (kind === recordKind.fragment) {
      yield { kind, stream, flags, sequence, data: new Uint8Array(message, begin, length) }
    } else if (kind === recordKind.sound && length > 6) {
      const data = new Uint8Array(message, begin + 6, length - 6)
      yield { kind, stream, muLaw: view.getUint8(begin) === 1, channels: view.getUint8(begin + 1), rate: view.getUint32(begin + 2), data }
    } else if (kind === recordKind.trouble) {
      const { code, zh, en } = JSON.parse(text.decode(new Uint8Array(message, begin, length))) as { code: string } & Named
      yield { kind, stream, code, words: { zh, en } }
    } else if (kind === recordKind.moved) {
      const { at: server, token } = JSON.parse(text.decode(new Uint8Array(message, begin, length))) as { at: string; token: string }
      yield { kind, stream, at: server, token }
    }
  }
}
