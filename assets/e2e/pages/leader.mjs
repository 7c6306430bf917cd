import { deskOf } from './login.mjs'

/** /leader, as somebody who leads sees it, and its numbers. */
export async function leaderOf(browser) {
  const { page } = await deskOf(browser, 'leader')
  await page.goto(`${browser.server.url}/leader`)
  await page.getByTestId('leader').waitFor({ timeout: 60_000 })
  return { page, numbers: page.getByTestId('numbers').locator('[data-figure]') }
}
