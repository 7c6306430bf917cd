import { Problem } from '../access/http'
import type { Named } from '../i18n'
import { playMse } from './mse'
import { playCodecs, playPage } from './page'
import { playWhep } from './whep'

/** page: with all other tiles over one socket; codecs: the same, shown without a buffer; whep: WebRTC; mse: a socket of its own. */
export type Transport = 'page' | 'codecs' | 'whep' | 'mse'

/** Why there is no picture. Words come from the server; `code` picks the page's own where it has none. */
export interface StreamFailure {
  code: string
  words: string | Named
  /** What the camera sends, where that is the reason. */
  codec?: string
}

/** What a transport tells while it plays. */
export interface Told {
  failure(failure: StreamFailure): void
  /** Whether the camera has sound. */
  sound(has: boolean): void
  /** Whether only keyframes come. */
  still(is: boolean): void
}

export type StreamStatus =
  | { kind: 'opening' }
  | { kind: 'playing'; transport: Transport; still: boolean }
  | { kind: 'stalled'; transport: Transport }
  | { kind: 'failed'; failure: StreamFailure }

/** What turns an init segment and fragments into a picture. */
export interface Screen {
  readonly mime: string
  append(data: Uint8Array<ArrayBuffer>): void
  close(): void
}

/** One attempt over one transport. It ends by throwing, or when `signal` aborts. */
export type Play = (video: HTMLVideoElement, id: string, signal: AbortSignal, told: Told) => Promise<void>

const plays: Record<Transport, Play> = { page: playPage, codecs: playCodecs, whep: playWhep, mse: playMse }

/** No decoded frame for this long: the picture stands still. */
const stalledMs = 4_000
/** Still none: the connection is built anew. */
const rebuildMs = 8_000
/** So seldom may a camera send keyframes. */
const keyframeMs = 10_000
/** First picture must come within this, else the next transport. */
const firstMs = 6_000
const watchMs = 500

/**
 * Plays one camera in one video element until closed: the first transport that shows a frame stays; when it breaks the next
 * is tried, then words, then all over again with growing waits. A hidden tab unsubscribes and rejoins: browsers pause muted
 * video there, and nobody should send what nobody sees.
 *
 * A stall is told by the count of decoded frames; frame callbacks pause with the tab.
 */
export class Player {
  readonly #video: HTMLVideoElement
  readonly #id: string
  readonly #order: readonly Transport[]
  readonly #told: (status: StreamStatus) => void
  readonly #heard: (has: boolean) => void
  #run = new AbortController()
  #closed = false

  constructor(video: HTMLVideoElement, id: string, order: readonly Transport[], told: (status: StreamStatus) => void, heard: (has: boolean) => void = () => undefined) {
    this.#heard = heard
    this.#video = video
    this.#id = id
    this.#order = order
    this.#told = told
    document.addEventListener('visibilitychange', this.#seen)
    if (!document.hidden) void this.#loop(this.#run.signal)
  }

  close(): void {
    this.#closed = true
    document.removeEventListener('visibilitychange', this.#seen)
    this.#run.abort()
  }

  readonly #seen = () => {
    this.#run.abort()
    if (document.hidden || this.#closed) return
    this.#run = new AbortController()
    void this.#loop(this.#run.signal)
  }

  async #loop(signal: AbortSignal): Promise<void> {
    let failures = 0
    while (!signal.aborted) {
      for (const transport of this.#order) {
        if (signal.aborted) return
        const shown = await this.#attempt(transport, signal)
        if (shown) failures = 0
      }
      await pause(backoff(failures), signal)
      failures += 1
    }
  }

  /** Runs one transport until it breaks; true when it showed a picture. */
  async #attempt(transport: Transport, outer: AbortSignal): Promise<boolean> {
    const run = new AbortController()
    const stop = () => run.abort()
    outer.addEventListener('abort', stop)
    const watch = new FrameWatch(this.#video, transport, this.#told, stop)
    try {
      await plays[transport](this.#video, this.#id, run.signal, {
        failure: (failure) => {
          watch.excuse()
          this.#told({ kind: 'failed', failure })
        },
        sound: this.#heard,
        still: (is) => watch.expect(is),
      })
    } catch (cause) {
      if (!run.signal.aborted) this.#told({ kind: 'failed', failure: failureOf(cause) })
    } finally {
      watch.close()
      run.abort()
      outer.removeEventListener('abort', stop)
    }
    return watch.shown
  }
}

/** Looks at the count of decoded frames and says opening, playing, stalled; gives up when nothing moves. */
class FrameWatch {
  shown = false
  #frames: number
  #movedAt = Date.now()
  #status: StreamStatus['kind'] = 'opening'
  #excused = false
  #still = false
  readonly #timer: ReturnType<typeof setInterval>

  constructor(
    readonly video: HTMLVideoElement,
    readonly transport: Transport,
    readonly told: (status: StreamStatus) => void,
    readonly giveUp: () => void,
  ) {
    this.#frames = frames(video)
    this.#timer = setInterval(() => this.#look(), watchMs)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  /** The server has said why nothing comes and keeps the connection: waiting is right. */
  excuse(): void {
    this.#excused = true
    this.#status = 'failed'
  }

  /** Keyframes alone come seldom: a picture every ten seconds is as alive as it can be. */
  expect(still: boolean): void {
    if (still === this.#still) return
    this.#still = still
    if (this.#status === 'playing') this.told({ kind: 'playing', transport: this.transport, still })
  }

  #look(): void {
    const count = frames(this.video)
    if (count !== this.#frames) {
      this.#frames = count
      this.#movedAt = Date.now()
      this.shown = true
      this.#excused = false
      if (this.#status !== 'playing') this.told({ kind: 'playing', transport: this.transport, still: this.#still })
      this.#status = 'playing'
      return
    }
    if (this.#excused) return
    const still = Date.now() - this.#movedAt - (this.#still ? keyframeMs : 0)
    if (this.shown && still >= stalledMs && this.#status === 'playing') {
      this.#status = 'stalled'
      this.told({ kind: 'stalled', transport: this.transport })
    }
    if (still >= (this.shown ? rebuildMs : firstMs)) this.giveUp()
  }
}

function frames(video: HTMLVideoElement): number {
  return video.getVideoPlaybackQuality().totalVideoFrames
}

/** Wait before everything is tried again, ms: 1 s doubling to 15 s. */
export function backoff(failures: number): number {
  return Math.min(15_000, 1_000 * 2 ** failures)
}

export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve()
      return
    }
    const done = () => {
      clearTimeout(timer)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done, { once: true })
  })
}

export class StreamError extends Error {
  constructor(readonly failure: StreamFailure) {
    super(failure.code)
    this.name = 'StreamError'
  }
}

export function failureOf(cause: unknown): StreamFailure {
  if (cause instanceof StreamError) return cause.failure
  if (cause instanceof Problem) return { code: cause.code, words: cause.detail }
  return { code: 'broken', words: '' }
}
