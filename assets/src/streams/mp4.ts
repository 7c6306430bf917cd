/** What this project's own fragmented MP4 (streams/mse) holds, for decoders that take frames and not files. */

/** How a decoder of WebCodecs is set up: codec by its name of RFC 6381, and the avcC or hvcC of the init segment. */
export interface Setup {
  codec: string
  description: Uint8Array<ArrayBuffer>
}

/** One frame of the picture. */
export interface Frame {
  key: boolean
  /** When it is to be shown, µs of the stream's own clock. */
  at: number
  data: Uint8Array<ArrayBuffer>
}

const timescale = 90_000
const videoTrack = 1
/** sample_is_non_sync_sample of ISO/IEC 14496-12, 8.8.3.1. */
const nonSync = 0x0001_0000

export const isInit = (data: Uint8Array<ArrayBuffer>): boolean => name(data, 4) === 'ftyp'

/** @param mime like video/mp4; codecs="avc1.64001f,mp4a.40.2" */
export function setup(mime: string, init: Uint8Array<ArrayBuffer>): Setup | undefined {
  const codec = /codecs="([^",]+)/.exec(mime)?.[1]
  if (codec === undefined) return undefined
  for (let at = 8; at + 4 <= init.length; at++) {
    const box = name(init, at)
    if (box !== 'avcC' && box !== 'hvcC') continue
    const size = view(init).getUint32(at - 4)
    return { codec, description: init.slice(at + 4, at - 4 + size) }
  }
  return undefined
}

/** The frame of a fragment of one sample; undefined: it is sound, or no fragment of ours. */
export function frame(data: Uint8Array<ArrayBuffer>): Frame | undefined {
  const whole = view(data)
  let track = 0
  let decode = 0
  let flags = 0
  let offset = 0
  for (const [box, begin, end] of boxes(data, 0, data.length)) {
    if (box === 'mdat') {
      if (track !== videoTrack) return undefined
      return { key: (flags & nonSync) === 0, at: Math.round(((decode + offset) * 1_000_000) / timescale), data: data.subarray(begin, end) }
    }
    if (box !== 'moof') continue
    for (const [part, partBegin, partEnd] of boxes(data, begin, end)) {
      if (part !== 'traf') continue
      for (const [field, at] of boxes(data, partBegin, partEnd)) {
        if (field === 'tfhd') track = whole.getUint32(at + 4)
        if (field === 'tfdt') decode = Number(whole.getBigUint64(at + 4))
        if (field === 'trun') {
          flags = whole.getUint32(at + 20)
          offset = whole.getInt32(at + 24)
        }
      }
    }
  }
  return undefined
}

/** Name, begin and end of each box's content. */
function* boxes(data: Uint8Array<ArrayBuffer>, from: number, to: number): Generator<[string, number, number]> {
  const whole = view(data)
  for (let at = from; at + 8 <= to; ) {
    const size = whole.getUint32(at)
    if (size < 8 || at + size > to) return
    yield [name(data, at + 4), at + 8, at + size]
    at += size
  }
}

function name(data: Uint8Array<ArrayBuffer>, at: number): string {
  return String.fromCharCode(...data.subarray(at, at + 4))
}

function view(data: Uint8Array<ArrayBuffer>): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength)
}
