import { TownMap } from './map.mjs'

export class DeskPage {
  constructor(page) {
    this.page = page
    this.map = new TownMap(page)
    this.queue = page.getByTestId('queue')
    this.panel = page.getByTestId('case')
    this.toasts = page.getByTestId('toasts')
  }

  row(id) {
    return this.queue.locator(`[data-case="${id}"]`)
  }

  /** Opens a case by what it is called, through the search box, so that a closed one is found too. */
  async find(words, id) {
    await this.page.keyboard.press('/')
    await this.page.getByTestId('search').fill(words)
    await this.page.getByTestId('results').locator('[data-type="case"]').first().click()
    await this.page.locator(`[data-testid="case"][data-case="${id}"][data-state]`).waitFor()
  }

  state(state) {
    return this.page.locator(`[data-testid="case"][data-state="${state}"]`)
  }

  /** Chooses a permitted move, fills in what it needs, sends it and waits for the state that it leads to. */
  async move(move, to, { note, department, photo, rating } = {}) {
    await this.panel.locator(`[data-move="${move}"]`).first().click()
    if (department !== undefined) {
      await this.page.fill('#move-department', department)
      await this.page.keyboard.press('Enter')
    }
    if (photo !== undefined) {
      await this.page.getByTestId('photo-after').setInputFiles({ name: 'after.png', mimeType: 'image/png', buffer: photo })
      await this.panel.locator('.taken img').waitFor()
    }
    if (rating !== undefined) await this.panel.locator('.star').nth(rating).click()
    if (note !== undefined) await this.page.fill('#move-note', note)
    await this.page.getByTestId('send-move').click()
    await this.state(to).waitFor()
  }

  /** Moves in the timeline, oldest first. */
  timeline() {
    return this.page.getByTestId('timeline').evaluate((list) => [...list.children].map((entry) => entry.dataset.move))
  }
}
