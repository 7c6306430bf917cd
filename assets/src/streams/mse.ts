import { codecName } from './codec'
import { StreamError, type Play, type Screen, type StreamFailure } from './player'

type Control = { mime: string } | { error: { code: string; zh: string; en: string } }

/** How far behind the newest frame the picture may be, s: beyond the first it hurries, beyond the second it jumps. */
const hurryS = 0.35
const jumpS = 1.5
/** Played picture that is kept, s, and the size that makes it worth trimming. */
const keepS = 4
const trimS = 12
/** Bytes that may wait for the decoder before the connection counts as broken. */
const queueLimit = 16 << 20

/**
 * Plays fragmented MP4 from a websocket: {"mime"}, the init segment, then a fragment a frame, the last group of pictures
 * first. On trouble the server says why, keeps the socket, and starts again with a new {"mime"} when the camera is back.
 */
export const playMse: Play = async (video, id, signal, told) => {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
  const socket = new WebSocket(`${scheme}://${location.host}/streams/${encodeURIComponent(id)}/mse`)
  socket.binaryType = 'arraybuffer'
  let sink: Sink | undefined
  try {
    await new Promise<never>((_, reject) => {
      const fail = (failure: StreamFailure) => reject(new StreamError(failure))
      signal.addEventListener('abort', () => fail({ code: 'stopped', words: '' }), { once: true })
      socket.onclose = () => fail({ code: 'cut', words: '' })
      socket.onmessage = ({ data }) => {
        if (typeof data !== 'string') {
          sink?.append(data as ArrayBuffer)
          return
        }
        const control = JSON.parse(data) as Control
        if ('error' in control) {
          told.failure({ code: control.error.code, words: { zh: control.error.zh, en: control.error.en } })
          return
        }
        sink?.close()
        sink = undefined
        if (!MediaSource.isTypeSupported(control.mime)) {
          fail({ code: 'wrong_codec', words: '', codec: codecName(control.mime) })
          return
        }
        sink = new Sink(video, control.mime, fail)
      }
    })
  } finally {
    socket.onmessage = null
    socket.onclose = null
    socket.close()
    sink?.close()
  }
}

/** One MediaSource: appends in order, keeps at the live edge, trims what was played. */
export class Sink implements Screen {
  readonly mime: string
  readonly #video: HTMLVideoElement
  readonly #source = new MediaSource()
  readonly #url: string
  readonly #fail: (failure: StreamFailure) => void
  #buffer: SourceBuffer | undefined
  #queue: (ArrayBuffer | Uint8Array<ArrayBuffer>)[] = []
  #queued = 0
  #closed = false

  constructor(video: HTMLVideoElement, mime: string, fail: (failure: StreamFailure) => void) {
    this.mime = mime
    this.#video = video
    this.#fail = fail
    this.#url = URL.createObjectURL(this.#source)
    this.#source.addEventListener('sourceopen', () => {
      if (this.#closed) return
      this.#buffer = this.#source.addSourceBuffer(mime)
      this.#buffer.addEventListener('updateend', () => this.#next())
      this.#buffer.addEventListener('error', () => fail({ code: 'decode', words: '' }))
      this.#next()
    })
    video.addEventListener('error', this.#broken)
    video.src = this.#url
  }

  append(data: ArrayBuffer | Uint8Array<ArrayBuffer>): void {
    this.#queue.push(data)
    this.#queued += data.byteLength
    if (this.#queued > queueLimit) this.#fail({ code: 'slow', words: '' })
    this.#next()
  }

  close(): void {
    this.#closed = true
    this.#queue = []
    this.#video.removeEventListener('error', this.#broken)
    this.#video.removeAttribute('src')
    this.#video.load()
    URL.revokeObjectURL(this.#url)
  }

  readonly #broken = () => this.#fail({ code: 'decode', words: '' })

  #next(): void {
    const buffer = this.#buffer
    if (buffer === undefined || buffer.updating || this.#closed || this.#source.readyState !== 'open') return
    this.#follow(buffer)
    if (this.#trim(buffer)) return
    if (this.#queue.length === 0) return
    // All that waits goes in one append: a burst of the last pictures costs one round, not fifty.
    const whole = join(this.#queue)
    this.#queue = []
    this.#queued = 0
    try {
      buffer.appendBuffer(whole)
    } catch {
      this.#fail({ code: 'decode', words: '' })
    }
  }

  /** At the live edge: jump when far behind or before the first frame, hurry when a little behind. */
  #follow(buffer: SourceBuffer): void {
    const { buffered } = buffer
    if (buffered.length === 0) return
    const video = this.#video
    const edge = buffered.end(buffered.length - 1)
    const behind = edge - video.currentTime
    const target = followRate(behind)
    if (target === 'jump') video.currentTime = Math.max(buffered.start(buffered.length - 1), edge - 0.1)
    else if (video.playbackRate !== target) video.playbackRate = target
    if (video.paused) video.play().catch(() => undefined) // aborted by the next source
  }

  #trim(buffer: SourceBuffer): boolean {
    const { buffered } = buffer
    if (buffered.length === 0) return false
    const start = buffered.start(0)
    const now = this.#video.currentTime
    if (now - start < trimS) return false
    buffer.remove(start, now - keepS)
    return true
  }
}

/** What to do about a lag of this many seconds: a playback rate, or a jump to the edge. Negative: the picture ran ahead. */
export function followRate(behind: number): number | 'jump' {
  if (behind > jumpS || behind < -0.5) return 'jump'
  return behind > hurryS ? 1.1 : 1
}

function join(parts: readonly (ArrayBuffer | Uint8Array<ArrayBuffer>)[]): ArrayBuffer | Uint8Array<ArrayBuffer> {
  const [only] = parts
  if (only !== undefined && parts.length === 1) return only
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part instanceof Uint8Array ? part : new Uint8Array(part), at)
    at += part.byteLength
  }
  return whole
}
