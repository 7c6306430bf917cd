import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Browser } from './harness/browser.mjs'
import { until } from './harness/server.mjs'
import { deskOf } from './pages/login.mjs'

const data = (locator, name) => locator.getAttribute(`data-${name}`)

/** /evaluation: the figures, the lists behind them, the ranking, and the site's own formulas. */
export function evaluation(world) {
  describe('the evaluation', () => {
    it('opens for every count a list of the same count, down to the timeline', async () => {
      const browser = await Browser.open(world.server)
      try {
        const { page } = await deskOf(browser, 'duty_leader')
        await page.goto(`${world.server.url}/evaluation`)
        const counts = page.getByTestId('counts').locator('[data-measure]')
        await until(30_000, async () => (await counts.count()) >= 17)
        const list = page.getByTestId('list')
        for (const count of await counts.all()) {
          const n = await data(count, 'n')
          await count.click()
          await until(10_000, async () => (await list.count()) === 1 && (await data(list, 'count')) === n)
          await count.click()
        }
        assert.ok(Number(await data(counts.first(), 'n')) > 0, 'the demo has cases')
        await counts.first().click()
        await list.locator('[data-case]').first().click()
        await page.getByTestId('case').getByTestId('timeline').locator('li').first().waitFor()
        await page.getByTestId('back').click()

        await page.locator('[data-dim="department"]').click()
        const department = page.getByTestId('ranking').locator('[data-object]').first()
        await department.click()
        await until(10_000, async () => (await page.getByTestId('object').textContent())?.includes('✕'))

        // On paper: the week's figures of the page, on A4, without the page.
        await page.locator('[data-period="week"]').click()
        await until(10_000, async () => (await page.getByTestId('brief').textContent())?.includes('工作周报'))
        await page.emulateMedia({ media: 'print' })
        assert.equal(await page.getByTestId('rates').isVisible(), false)
        for (const count of await counts.all()) {
          const measure = await data(count, 'measure')
          assert.equal(await page.getByTestId('brief').locator(`[data-measure="${measure}"] b`).textContent(), await data(count, 'n'), measure)
        }
        const pdf = await page.pdf({ preferCSSPageSize: true })
        const [, width, height] = /MediaBox \[0 0 ([\d.]+) ([\d.]+)\]/.exec(pdf.toString('latin1')).map(Number)
        assert.deepEqual([Math.round(width), Math.round(height)], [595, 842], 'A4 in points')
        await page.emulateMedia({ media: null })

        await page.getByTestId('edit-plan').click()
        const points = page.getByTestId('plan').locator('input[type=number]').first()
        await points.waitFor()
        await points.fill('11')
        browser.expect(/422/)
        await page.getByTestId('save-plan').click()
        await page.getByTestId('plan').getByRole('alert').waitFor()
        await points.fill('10')
        await page.getByTestId('save-plan').click()
        await until(10_000, async () => (await page.getByTestId('plan').getByRole('alert').count()) === 0)
        browser.check()
      } finally {
        await browser.close()
      }
    })
  })
}
