/** What a look at the page's moving pictures found since the last one. */
export interface Load {
  /** Tiles that want to move, and how many of them do. */
  wanted: number
  moving: number
  /** Frames that came to be shown, and those of them that this machine had no time for. */
  frames: number
  dropped: number
}

/** Over this share of frames lost, twice in a row, fewer tiles move; under the other one, more may. */
const overloaded = 0.2
const easy = 0.01
/** So few frames say nothing. */
const fewest = 50
const firstWaitMs = 20_000
const longestWaitMs = 600_000

/**
 * How many tiles of a screen may move: as many as this machine can decode, which only it can tell. When frames are lost the
 * least important quarter of the tiles becomes stills, refreshed with each keyframe; when it has been easy for a while one
 * tenth more may move. A try that failed is not made again so soon.
 */
export class Budget {
  limit = Infinity
  #easySince = 0
  #waitMs = firstWaitMs
  #raisedAt = -Infinity
  #over = false

  /** Takes a look at `now`, ms; true when the limit has changed. */
  look(load: Load, now: number): boolean {
    if (load.frames < fewest) return false
    const share = load.dropped / load.frames
    const before = this.#over
    this.#over = share > overloaded
    if (this.#over) {
      this.#easySince = now
      if (!before) return false
      if (now - this.#raisedAt < this.#waitMs) this.#waitMs = Math.min(longestWaitMs, this.#waitMs * 2)
      const limit = Math.max(1, Math.floor(load.moving * 0.75))
      if (limit >= this.limit) return false
      this.limit = limit
      return true
    }
    if (share > easy) this.#easySince = now
    if (this.limit === Infinity || now - this.#easySince < this.#waitMs) return false
    this.#easySince = now
    this.#raisedAt = now
    this.limit = load.moving + Math.max(1, Math.floor(load.moving / 10))
    if (this.limit >= load.wanted) this.limit = Infinity
    return true
  }
}
