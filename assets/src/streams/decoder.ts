import type { Failed, Said } from './decode.worker'
import type { Screen, StreamFailure } from './player'

/** Chromium's way of showing pictures in a video element (mediacapture-transform); TypeScript does not know it. */
declare class MediaStreamTrackGenerator extends MediaStreamTrack {
  constructor(init: { kind: 'video' })
  readonly writable: WritableStream<VideoFrame>
}

/** WebCodecs wants a secure context: https, or the machine itself. */
export const decodes = (): boolean => isSecureContext && 'VideoDecoder' in globalThis && 'MediaStreamTrackGenerator' in globalThis

let worker: Worker | undefined
let next = 1
const failures = new Map<number, () => void>()

function say(said: Said, transfer: Transferable[] = []): void {
  if (worker === undefined) {
    worker = new Worker(new URL('./decode.worker.ts', import.meta.url), { type: 'module' })
    worker.onmessage = ({ data }: MessageEvent<Failed>) => failures.get(data.tile)?.()
  }
  worker.postMessage(said, transfer)
}

/**
 * Shows each picture as soon as it is decoded, in the page's worker: no buffer, no clock. It is the shortest way and the
 * least smooth one: what the network delays is seen.
 */
export class Decoder implements Screen {
  readonly mime: string
  readonly #video: HTMLVideoElement
  readonly #track = new MediaStreamTrackGenerator({ kind: 'video' })
  readonly #tile = next++

  constructor(video: HTMLVideoElement, mime: string, fail: (failure: StreamFailure) => void) {
    this.mime = mime
    this.#video = video
    failures.set(this.#tile, () => fail({ code: 'decode', words: '' }))
    const { writable } = this.#track
    say({ tile: this.#tile, open: writable, mime }, [writable])
    video.srcObject = new MediaStream([this.#track])
    video.play().catch(() => undefined) // aborted by the next picture
  }

  append(data: Uint8Array<ArrayBuffer>): void {
    const own = data.slice() // of the message that brought it, which is others' too
    say({ tile: this.#tile, data: own }, [own.buffer])
  }

  close(): void {
    failures.delete(this.#tile)
    say({ tile: this.#tile, close: true })
    this.#track.stop()
    this.#video.srcObject = null
  }
}
