/** The name that people know a codec by, of its name in a MIME type (RFC 6381). */
export function codecName(mime: string): string {
  if (/(hvc1|hev1)\./.test(mime)) return 'H.265'
  if (/avc[13]\./.test(mime)) return 'H.264'
  return /codecs="([^".,]+)/.exec(mime)?.[1] ?? mime
}

/** Height of a tile, device pixels, from which the main stream is worth its decoding; smaller ones take the sub-stream. */
const mainFrom = 480

export type Profile = 'main' | 'sub'

export function profileFor(heightPx: number, ratio: number): Profile {
  return heightPx * ratio >= mainFrom ? 'main' : 'sub'
}
