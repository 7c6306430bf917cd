import { TownMap } from './map.mjs'
import { frames } from './tiles.mjs'

/** /wall/main, opened with the device's token as a wall is. */
export class WallPage {
  static async open(browser, query = '') {
    const wall = await WallPage.openAnyScene(browser, query)
    await wall.map.ready()
    return wall
  }

  /** For scenes without a map. */
  static async openAnyScene(browser, query = '') {
    const page = await browser.page()
    const { url, token } = browser.server.world.wall
    await page.goto(`${url}?token=${token}${query}`)
    await page.getByTestId('wall').waitFor({ timeout: 60_000 })
    return new WallPage(page)
  }

  constructor(page) {
    this.page = page
    this.map = new TownMap(page)
    this.stale = page.getByTestId('stale')
    this.link = page.getByTestId('link')
    this.card = page.getByTestId('card')
  }

  /** Ids in the ticker, top first. */
  ticker() {
    return this.page.getByTestId('ticker').evaluate((list) => [...list.children].map((row) => Number(row.dataset.case)))
  }

  frames() {
    return frames(this.page, 'strip')
  }

  /** Counts the frames that the page draws; the returned function ends that and gives frames a second. */
  async countFrames() {
    await this.page.evaluate(() => {
      const count = { frames: 0, from: performance.now(), on: true }
      window.counted = count
      const frame = () => {
        count.frames += 1
        if (count.on) requestAnimationFrame(frame)
      }
      requestAnimationFrame(frame)
    })
    return () =>
      this.page.evaluate(() => {
        window.counted.on = false
        return (window.counted.frames * 1_000) / (performance.now() - window.counted.from)
      })
  }

  /** The number of open cases that the wall shows. */
  async openTotal() {
    return Number((await this.page.getByTestId('open-total').innerText()).replace(/\D/g, ''))
  }

  /** Milliseconds, on the page's clock, until the case is in the ticker and its marker on the map. Starts to look at once. */
  watchFor(title) {
    return this.page.evaluate(
      (wanted) =>
        new Promise((resolve, reject) => {
          const box = document.querySelector('[data-testid="map"]')
          const end = performance.now() + 15_000
          const look = () => {
            const row = [...document.querySelectorAll('[data-testid="ticker"] > li')].find((li) => li.textContent.includes(wanted))
            const id = Number(row?.dataset.case)
            const drawn = row !== undefined && box.incidents.drawn.some((marker) => marker.id === id)
            if (drawn) resolve({ id, at: Date.now() })
            else if (performance.now() > end) reject(new Error(row === undefined ? 'not in the ticker' : 'not on the map'))
            else setTimeout(look, 20)
          }
          look()
        }),
      title,
    )
  }
}
