/**
 * How much of the page's time the map may take. Where it is drawn in software, one picture of a large wall can take most of
 * a second, during which nothing else moves: a few changes are drawn at once all the same, a storm of them waits.
 */
export class Budget {
  #spent = 0
  #at = 0

  /** Share of the time that drawing may take in the long run. */
  static readonly share = 0.2
  /** What may be spent at once, ms: a few pictures in a row, even slow ones. */
  static readonly purse = 1_500

  /** The wait until the next picture may be drawn, ms. */
  wait(now: number): number {
    this.#earn(now)
    return Math.max(0, (this.#spent - Budget.purse) / Budget.share)
  }

  /** A picture took so long, ms. */
  spend(now: number, ms: number): void {
    this.#earn(now)
    this.#spent += ms
  }

  #earn(now: number): void {
    this.#spent = Math.max(0, this.#spent - (now - this.#at) * Budget.share)
    this.#at = now
  }
}

/** A frame that comes later than this after the one before it was held up, ms. */
const lateMs = 50

/** How long the page's frames are held up until `over` says that it is over, ms; at most 5 s are watched. */
export function heldUp(over: () => boolean): Promise<number> {
  return new Promise((resolve) => {
    const began = performance.now()
    let last = began
    let held = 0
    const frame = (now: number) => {
      if (now - last > lateMs) held += now - last
      last = now
      if (over() || now - began > 5_000) resolve(held)
      else requestAnimationFrame(frame)
    }
    requestAnimationFrame(frame)
  })
}
