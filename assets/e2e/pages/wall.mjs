import { TownMap } from './map.mjs'
import { frames } from './tiles.mjs'

/** /wall/main, opened with the device's token as a wall is. */
export class WallPage {
  static async open(browser, query = '') {
    const page = await browser.page()
    const { url, token } = browser.server.world.wall
    await page.goto(`${url}?token=${token}${query}`)
    await page.getByTestId('wall').waitFor({ timeout: 60_000 })
    const wall = new WallPage(page)
    await wall.map.ready()
    return wall
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
            const layers = ['case-icon-hot', 'case-dot-hot']
            const drawn = row !== undefined && box.map.queryRenderedFeatures({ layers }).some((feature) => feature.id === id)
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
