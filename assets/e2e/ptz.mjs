import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { browsing } from './harness/browser.mjs'
import { until } from './harness/server.mjs'
import { deskOf } from './pages/login.mjs'

const waitMs = 60_000
/** From letting go until the head must stand (product.md, row 13), and a moment in which a turning one would show itself. */
const stopMs = 300
const watchMs = 500

export function ptz(world) {
  describe('a head', () => {
    it('turns while a key is held, stands soon after, and is taken over by name', async () => {
      const { server } = world
      const dome = await until(waitMs, async () => {
        const { cameras } = await server.api('GET', '/api/v1/cameras')
        return cameras.find((camera) => camera.ptz && ['online', 'live'].includes(camera.state))
      }, 500)
      const at = async () => (await server.api('GET', `/api/v1/cameras/${dome.id}/ptz`)).at
      const turned = (a, b) => Math.abs(((b.bearing_deg - a.bearing_deg + 540) % 360) - 180)
      const open = async (browser, role) => {
        browser.expect(/503 .*\/whep/) // it may have gone dark since
        const { page } = await deskOf(browser, role)
        await page.keyboard.press('/')
        await page.getByTestId('search').fill(dome.id)
        await page.getByTestId('results').locator('[data-type="camera"]').first().click()
        await page.getByTestId('head').waitFor({ timeout: waitMs })
        return page
      }
      await browsing(server, async (browser) => {
        const page = await open(browser, 'operator')
        await page.getByTestId('head').getByRole('button', { name: '开始控制' }).click()
        await page.locator('[data-testid="head"][data-you="true"]').waitFor()
        const before = await at()
        await page.keyboard.down('ArrowRight')
        await until(waitMs, async () => turned(before, await at()) > 5, 50)
        await page.keyboard.up('ArrowRight')
        await new Promise((done) => setTimeout(done, stopMs))
        const stopped = await at()
        await new Promise((done) => setTimeout(done, watchMs))
        assert.ok(turned(stopped, await at()) < 0.5, `it still turns ${stopMs} ms after`)

        await browsing(server, async (second) => {
          const leader = await open(second, 'duty_leader')
          await leader.getByTestId('head').getByRole('button', { name: '接管' }).click()
          await leader.locator('[data-testid="head"][data-you="true"]').waitFor()
          await page.locator('[data-testid="head"][data-you="false"]').waitFor()
          const { driver } = await server.api('GET', `/api/v1/cameras/${dome.id}/ptz`)
          assert.equal(driver.username, server.account('duty_leader').username)
          await page.getByTestId('head-note').getByText(driver.name).waitFor()
          await leader.getByTestId('head').getByRole('button', { name: '交还' }).click()
        })
      })
    })
  })
}
