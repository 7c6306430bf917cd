/** The registry of cameras as a person uses it. */
export class CamerasPage {
  constructor(page) {
    this.page = page
    this.count = page.getByTestId('count')
    this.form = page.getByTestId('registry-form')
    this.report = page.getByTestId('report')
  }

  /** Signs in and comes to the registry. */
  static async open(browser, role = 'integrator', query = '') {
    const page = await browser.page()
    await page.goto(`${browser.server.url}/cameras${query}`)
    await page.locator('#username').waitFor()
    const { username, password } = browser.server.account(role)
    await page.fill('#username', username)
    await page.fill('#password', password)
    await page.locator('button[type=submit]').click()
    await page.getByTestId('registry').waitFor({ timeout: 60_000 })
    return new CamerasPage(page)
  }

  row(id) {
    return this.page.locator(`[data-testid="registry-table"] tbody [data-camera="${id}"]`)
  }

  rows() {
    return this.page.locator('[data-testid="registry-table"] tbody tr')
  }

  tab(name) {
    return this.page.locator(`[data-tab="${name}"]`)
  }

  field(name) {
    return this.form.locator(`[name="${name}"]`)
  }

  async save() {
    await this.page.getByTestId('save').click()
    await this.form.getByText('已保存').waitFor()
  }

  /** Chooses a list in the import dialog. */
  async list(text, datum = 'wgs84') {
    await this.page.getByTestId('open-import').click()
    await this.page.getByTestId('import').locator('input[type=file]').setInputFiles({ name: '清单.csv', mimeType: 'text/csv', buffer: Buffer.from(text) })
    await this.page.getByTestId('import').locator('[name="datum"]').selectOption(datum)
  }

  /** Drags a handle of the map by px. */
  async drag(handle, dx, dy) {
    const box = await this.page.locator(`[data-handle="${handle}"]`).boundingBox()
    const x = box.x + box.width / 2
    const y = box.y + box.height / 2
    await this.page.mouse.move(x, y)
    await this.page.mouse.down()
    await this.page.mouse.move(x + dx / 2, y + dy / 2, { steps: 4 })
    await this.page.mouse.move(x + dx, y + dy, { steps: 4 })
    await this.page.mouse.up()
  }
}
