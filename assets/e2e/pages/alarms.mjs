/** The alarms of a desk: the line that always stands, and the panel behind M. */
export class AlarmPanel {
  constructor(page) {
    this.page = page
    this.bar = page.getByTestId('alarm-bar')
    this.list = page.getByTestId('alarm-list')
    this.one = page.getByTestId('alarm')
    this.flood = page.getByTestId('flood')
  }

  /** Opens the panel and waits until it shows what stands. */
  async open() {
    await this.page.keyboard.press('m')
    await this.list.waitFor()
  }

  row(id) {
    return this.list.locator(`[data-alarm="${id}"]`)
  }

  state(id, state) {
    return this.list.locator(`[data-alarm="${id}"][data-state="${state}"]`)
  }

  async pick(id) {
    await this.row(id).click()
    await this.page.locator(`[data-testid="alarm"][data-alarm="${id}"]`).waitFor()
  }

  /** Priorities of the rows, top first. */
  order() {
    return this.list.evaluate((list) => [...list.querySelectorAll('[data-alarm]')].map((row) => [row.dataset.state, row.dataset.priority]))
  }

  /** Moves in the history, newest first. */
  history() {
    return this.page.getByTestId('alarm-history').evaluate((list) => [...list.children].map((entry) => entry.dataset.move))
  }
}

/** What a wall shows of alarms. */
export class WallAlarms {
  constructor(page) {
    this.page = page
    this.strip = page.getByTestId('alarm-strip')
    this.popup = page.getByTestId('alarm-popup')
    this.flood = page.getByTestId('flood')
  }

  tile(id) {
    return this.strip.locator(`[data-alarm="${id}"]`)
  }

  tiles() {
    return this.strip.locator('[data-alarm]').count()
  }

  /** Notes each alarm that pops up from now on, with the page's time, until `popups` is read. */
  watchPopups() {
    return this.page.evaluate(() => {
      window.popups = []
      let last = ''
      new MutationObserver(() => {
        const id = document.querySelector('[data-testid="alarm-popup"]')?.dataset.alarm ?? ''
        if (id !== '' && id !== last) window.popups.push({ id: Number(id), at: performance.now() })
        last = id
      }).observe(document.body, { childList: true, subtree: true, attributes: true })
    })
  }

  popups() {
    return this.page.evaluate(() => window.popups)
  }

  /** Frames a second that the page paints, over the next `ms`. */
  fps(ms) {
    return this.page.evaluate(
      (length) =>
        new Promise((resolve) => {
          const start = performance.now()
          let frames = 0
          const paint = () => {
            frames += 1
            const took = performance.now() - start
            if (took >= length) resolve((frames * 1000) / took)
            else requestAnimationFrame(paint)
          }
          requestAnimationFrame(paint)
        }),
      ms,
    )
  }
}
