/** Decodes the pictures of all tiles, away from the page's own thread: what a page draws does not wait for it, nor it for that. */
import { frame, isInit, setup } from './mp4'

/** What the page says: a tile's name, and where its pictures go; what came for it; that it is gone. */
export type Said = { tile: number; open: WritableStream<VideoFrame>; mime: string } | { tile: number; data: Uint8Array<ArrayBuffer> } | { tile: number; close: true }

/** A tile whose decoder has given up. */
export interface Failed {
  tile: number
}

class Tile {
  readonly #mime: string
  readonly #pictures: WritableStreamDefaultWriter<VideoFrame>
  readonly #decoder: VideoDecoder
  #keyed = false

  constructor(mime: string, pictures: WritableStream<VideoFrame>, failed: () => void) {
    this.#mime = mime
    this.#pictures = pictures.getWriter()
    this.#decoder = new VideoDecoder({
      // A picture that is not taken yet when the next one is there is late: the newest is what is wanted.
      output: (picture) => {
        if ((this.#pictures.desiredSize ?? 0) > 0) void this.#pictures.write(picture).catch(() => picture.close())
        else picture.close()
      },
      error: failed,
    })
  }

  take(data: Uint8Array<ArrayBuffer>): void {
    if (this.#decoder.state === 'closed') return
    if (isInit(data)) {
      const how = setup(this.#mime, data)
      if (how === undefined) throw new Error('no description of the pictures')
      this.#decoder.configure({ ...how, optimizeForLatency: true })
      this.#keyed = false
      return
    }
    const picture = frame(data)
    if (picture === undefined || this.#decoder.state !== 'configured') return
    this.#keyed ||= picture.key
    if (!this.#keyed) return
    this.#decoder.decode(new EncodedVideoChunk({ type: picture.key ? 'key' : 'delta', timestamp: picture.at, data: picture.data }))
  }

  close(): void {
    if (this.#decoder.state !== 'closed') this.#decoder.close()
    void this.#pictures.close().catch(() => undefined)
  }
}

const tiles = new Map<number, Tile>()

function gone(tile: number): void {
  tiles.get(tile)?.close()
  tiles.delete(tile)
}

self.onmessage = ({ data: said }: MessageEvent<Said>) => {
  const failed = () => {
    gone(said.tile)
    self.postMessage({ tile: said.tile } satisfies Failed)
  }
  try {
    if ('open' in said) tiles.set(said.tile, new Tile(said.mime, said.open, failed))
    else if ('close' in said) gone(said.tile)
    else tiles.get(said.tile)?.take(said.data)
  } catch {
    failed()
  }
}
