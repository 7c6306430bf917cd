import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { browsing } from './harness/browser.mjs'
import { png } from './harness/picture.mjs'
import { deskOf } from './pages/login.mjs'

const title = '永来城西侧旱厕墙体开裂'

/** One account at its own desk, in a browser of its own. */
function at(world, role, act) {
  return browsing(world.server, async (browser) => {
    const desk = await deskOf(browser, role)
    await desk.map.ready()
    await act(desk)
  })
}

export function sc1(world) {
  describe('SC-1 through the desk, by different people', () => {
    let id = 0

    it('an officer reports a cracked wall with a photo, by a click on the map', async () => {
      const { grids } = await world.server.api('GET', '/api/v1/grids')
      const grid = grids.find((known) => known.level === 'grid')
      await at(world, 'officer', async (desk) => {
        const { page } = desk
        await page.keyboard.press('n')
        await page.fill('#report-class', '公共厕所')
        await page.keyboard.press('Enter')
        await page.fill('#report-title', title)
        await desk.map.click(grid.label)
        await page.getByTestId('report-grid').getByText(grid.name).waitFor()
        await page.fill('#report-address', '永来城西侧')
        await page.getByTestId('photo-near').setInputFiles({ name: 'near.png', mimeType: 'image/png', buffer: png(2400, 1800, [120, 96, 70]) })
        await page.locator('.taken img').waitFor()
        await page.getByTestId('send-report').click()
        await desk.state('reported').waitFor()
        id = Number(await desk.panel.getAttribute('data-case'))
        const file = await world.server.api('GET', `/api/v1/cases/${id}`)
        assert.equal(file.grid, grid.code)
        assert.equal(file.photos.length, 1)
        const size = await page.evaluate(async (url) => {
          const { width, height } = await createImageBitmap(await (await fetch(url)).blob())
          return [width, height]
        }, file.photos[0].url)
        assert.deepEqual(size, [1920, 1440])
      })
    })

    it('the grid specialist verifies it', () =>
      at(world, 'specialist', async (desk) => {
        await desk.find(title, id)
        await desk.move('verify', 'verified', { note: '属实，墙体有贯通裂缝' })
      }))

    it('a dispatcher may not file it, and is told why', () =>
      at(world, 'dispatcher', async (desk) => {
        await desk.find(title, id)
        const refused = desk.page.getByTestId('refused').locator('li', { has: desk.page.locator('[data-refused="file"]') })
        await refused.waitFor()
        assert.equal(await refused.locator('button').isDisabled(), true)
        assert.ok((await refused.locator('span').innerText()).trim().length > 4, 'a reason in words')
        assert.equal(await desk.panel.locator('[data-move="file"]').count(), 0)
      }))

    it('an operator files it', () =>
      at(world, 'operator', async (desk) => {
        await desk.find(title, id)
        await desk.move('file', 'filed')
      }))

    it('the dispatcher sends it to the sanitation department', () =>
      at(world, 'dispatcher', async (desk) => {
        await desk.find(title, id)
        await desk.move('dispatch', 'dispatched', { department: '环卫' })
        await desk.panel.getByText('环卫局').first().waitFor()
      }))

    it('the department signs and returns it with a photo of the mended wall', () =>
      at(world, 'department', async (desk) => {
        await desk.find(title, id)
        await desk.move('sign', 'signed')
        await desk.move('handle', 'handled', { photo: png(640, 480, [90, 130, 90]), note: '已修复' })
        await desk.page.locator('[data-testid="photos"] [data-kind="after"]').waitFor()
      }))

    it('the specialist checks it on site', () =>
      at(world, 'specialist', async (desk) => {
        await desk.find(title, id)
        await desk.move('check', 'checked')
      }))

    it('the operator closes it and the answer of the resident is 2 stars; the timeline tells it all', () =>
      at(world, 'operator', async (desk) => {
        await desk.find(title, id)
        await desk.move('close', 'closed')
        await desk.move('rate', 'rated', { rating: 2 })
        await desk.page.locator('[data-testid="steps"][data-step="6"]').waitFor()
        assert.deepEqual(await desk.timeline(), ['report', 'verify', 'file', 'dispatch', 'sign', 'handle', 'check', 'close', 'rate'])
        const file = await world.server.api('GET', `/api/v1/cases/${id}`)
        assert.equal(file.rating, 2)
      }))
  })
}
