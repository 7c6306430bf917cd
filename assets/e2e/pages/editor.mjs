import { deskOf } from './login.mjs'

/** /walls, where scenes are drawn. */
export class EditorPage {
  static async open(browser, scene) {
    const { page } = await deskOf(browser, 'operator')
    await page.goto(`${browser.server.url}/walls`)
    await page.getByTestId('editor').waitFor({ timeout: 60_000 })
    const editor = new EditorPage(page)
    if (scene !== undefined) await page.locator(`[data-open-scene="${scene}"][aria-current="true"], [data-open-scene="${scene}"]`).first().click()
    await page.getByTestId('canvas').locator('[data-edit]').first().waitFor()
    return editor
  }

  constructor(page) {
    this.page = page
    this.stage = page.getByTestId('canvas').locator('.stage')
  }

  /** Places of the tiles on the raster, as they are drawn. */
  places() {
    return this.stage.evaluate((stage) =>
      Object.fromEntries([...stage.querySelectorAll('[data-edit]')].map((tile) => {
        const of = (side, whole) => Math.round((Number.parseFloat(tile.style[side]) * whole) / 100)
        return [tile.dataset.edit, [of('left', 240), of('top', 120), of('width', 240), of('height', 120)]]
      })),
    )
  }

  /** Width against height of the screen that is edited. */
  async ratio() {
    const { width, height } = await this.page.getByTestId('canvas').boundingBox()
    return width / height
  }

  /** Boxes of the screens as they hang. */
  hung() {
    return this.page.getByTestId('hung').evaluate((wall) => Object.fromEntries([...wall.querySelectorAll('[data-hung]')].map((one) => [one.dataset.hung, one.getBoundingClientRect().toJSON()])))
  }

  /** Chooses a tile and pulls one of its grips by parts of the stage. */
  async pull(tile, grip, dx, dy) {
    await this.page.locator(`[data-edit="${tile}"]`).click()
    const stage = await this.stage.boundingBox()
    const box = await this.page.locator(`[data-grip="${grip}"]`).boundingBox()
    const from = { x: box.x + box.width / 2, y: box.y + box.height / 2 }
    await this.page.mouse.move(from.x, from.y)
    await this.page.mouse.down()
    await this.page.mouse.move(from.x + dx * stage.width, from.y + dy * stage.height, { steps: 6 })
    await this.page.mouse.up()
  }

  /** Drags a content to a place on the stage, given in parts of it. */
  async dropKind(kind, x, y) {
    const stage = await this.stage.boundingBox()
    await this.page.keyboard.press('Escape')
    const chip = await this.page.locator(`[data-kind-chip="${kind}"]`).boundingBox()
    await this.page.mouse.move(chip.x + 10, chip.y + 10)
    await this.page.mouse.down()
    await this.page.mouse.move(stage.x + x * stage.width - 8, stage.y + y * stage.height, { steps: 6 })
    await this.page.mouse.move(stage.x + x * stage.width, stage.y + y * stage.height, { steps: 3 })
    await this.page.mouse.up()
  }

  async save() {
    await this.page.getByTestId('save').click()
    await this.page.getByRole('status').filter({ hasText: '已保存' }).waitFor()
  }
}
