import { DeskPage } from './desk.mjs'

export class LoginPage {
  static async open(browser, path = '/') {
    const page = await browser.page()
    await page.goto(browser.server.url + path)
    await page.locator('#username').waitFor()
    return new LoginPage(page)
  }

  constructor(page) {
    this.page = page
    this.trouble = page.getByRole('alert')
  }

  async submit(username, password) {
    await this.page.fill('#username', username)
    await this.page.fill('#password', password)
    await this.page.locator('button[type=submit]').click()
  }

  async enter({ username, password }) {
    await this.submit(username, password)
    await this.page.getByTestId('desk').waitFor({ timeout: 60_000 })
    return new DeskPage(this.page)
  }
}

/** Signs in as the demo's account of a role. */
export async function deskOf(browser, role) {
  const login = await LoginPage.open(browser)
  return login.enter(browser.server.account(role))
}
