import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Browser } from './harness/browser.mjs'
import { until } from './harness/server.mjs'
import { deskOf } from './pages/login.mjs'

/** /catalogue: who answers for what where; and on the desk what comes of it. */
export function catalogue(world) {
  describe('the catalogue', () => {
    it('has no empty cell, names one that is made empty, and takes its workbook back', async () => {
      const browser = await Browser.open(world.server)
      try {
        const { page } = await deskOf(browser, 'admin')
        await page.goto(`${world.server.url}/catalogue`)
        const empty = page.getByTestId('empty')
        await until(30_000, async () => (await empty.count()) === 1 && (await empty.getAttribute('data-n')) === '0')
        const everywhere = page.locator('tr[data-class="02001"] td.all button')
        await everywhere.click()
        await page.getByTestId('edit').getByRole('button', { name: '撤去' }).click()
        await until(10_000, async () => (await empty.getAttribute('data-n')) === '28')
        await page.getByTestId('only-empty').check()
        assert.equal(await page.getByTestId('matrix').locator('tbody tr').count(), 1)
        await everywhere.click()
        await page.fill('#duty-department', '交通')
        await page.keyboard.press('Enter')
        await page.getByTestId('edit').locator('[type=submit]').click()
        await until(10_000, async () => (await empty.getAttribute('data-n')) === '0')

        const file = await (await page.request.get(`${world.server.url}/api/v1/catalogue.xlsx`)).body()
        await page.getByTestId('file').setInputFiles({ name: '目录.xlsx', mimeType: 'application/octet-stream', buffer: file })
        await page.getByTestId('take').click()
        await until(10_000, async () => (await page.getByTestId('report').textContent())?.includes('已写入'))
        browser.check()
      } finally {
        await browser.close()
      }
    })
  })

  describe('the working calendar', () => {
    it('makes a day free by a click, takes it back, and says what cannot be', async () => {
      const { server } = world
      const before = await server.api('GET', '/api/v1/calendar')
      const browser = await Browser.open(server)
      try {
        const { page } = await deskOf(browser, 'admin')
        await page.goto(`${server.url}/catalogue`)
        await page.getByTestId('open-calendar').click()
        const calendar = page.getByTestId('calendar')
        const year = Number(await calendar.getByTestId('year').textContent())
        await calendar.getByRole('button', { name: '下一年' }).click()
        const date = calendar.locator(`[data-date="${year + 1}-03-10"]`)
        const working = (await date.getAttribute('data-working')) === 'true'
        const count = calendar.locator('.count')
        const days = Number(/\d+/.exec(await count.textContent())[0])
        await date.click()
        assert.equal(await date.getAttribute('data-working'), String(!working))
        assert.equal(Number(/\d+/.exec(await count.textContent())[0]), days + (working ? -1 : 1))
        browser.expect(/422/) // said in words, and nothing is lost
        await calendar.locator('[name="hours"]').last().fill('11:00-15:00')
        await calendar.locator('[name="hours"]').last().blur()
        await calendar.getByTestId('save-calendar').click()
        await calendar.getByRole('alert').getByText('与前一段重叠').waitFor()
        await calendar.locator('[name="hours"]').nth(before.hours.length).fill('')
        await calendar.locator('[name="hours"]').nth(before.hours.length).blur()
        await calendar.getByTestId('save-calendar').click()
        await calendar.getByText('已保存').waitFor()
        const saved = await server.api('GET', '/api/v1/calendar')
        assert.equal(saved.days[`${year + 1}-03-10`], !working)
        assert.deepEqual(saved.hours, before.hours)
        await page.keyboard.press('Escape')
        await calendar.waitFor({ state: 'detached' })
        browser.check()
      } finally {
        await browser.close()
        await server.api('PUT', '/api/v1/calendar', before)
      }
    })
  })

  describe('the case panel', () => {
    it('offers what a case may be merged into, several departments, and the one that answers', async () => {
      const place = (await world.server.api('GET', '/api/v1/search?q=' + encodeURIComponent('永来城西侧旱厕'))).results[0].location
      const report = (body) => world.server.api('POST', '/api/v1/cases', { location: place, class: '01001', condition: 'missing', ...body })
      const first = await report({ title: '井盖丢了' })
      const second = await report({ title: '井盖没了' })
      const joint = await report({ flow: 'joint', title: '多部门', class: '10982', condition: undefined })
      const browser = await Browser.open(world.server)
      try {
        const desk = await deskOf(browser, 'admin')
        const { page } = desk
        const open = async (id) => {
          await page.locator(`[data-testid="queue"] [data-case="${id}"]`).click()
          await page.locator(`[data-testid="case"][data-case="${id}"] [data-move]`).first().waitFor()
        }
        await open(second.id)
        assert.match(await page.getByTestId('condition').textContent(), /盖板缺失.*2 紧急工作时/)
        await page.locator('[data-move="merge"]').click()
        assert.match(await page.locator('#move-case').inputValue(), /井盖丢了/, 'the same is chosen already')
        await page.getByTestId('send-move').click()
        await until(10_000, async () => (await world.server.api('GET', `/api/v1/cases/${second.id}`)).merged_into === first.id)

        await open(joint.id)
        await page.locator('[data-move="split"]').click()
        for (const name of ['环卫局', '综合行政执法局']) {
          await page.fill('#move-departments', name)
          await page.keyboard.press('Enter')
        }
        await page.getByTestId('send-move').click()
        await until(10_000, async () => (await page.locator('[data-part]').count()) === 3) // the one that answers was there already
        await page.locator('[data-part]').first().click()
        await page.locator('[data-testid="case"] [data-refused], [data-testid="case"] [data-move]').first().waitFor()

        for (const move of ['verify', 'file']) await world.server.api('POST', `/api/v1/cases/${first.id}/moves`, { move })
        await open(first.id)
        await page.locator('[data-move="dispatch"]').click()
        assert.equal(await page.locator('#move-department').inputValue(), '水务局')
        await page.getByTestId('advice').waitFor()
        browser.check()
      } finally {
        await browser.close()
      }
    })
  })
}
