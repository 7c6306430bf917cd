import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { browsing } from './harness/browser.mjs'
import { deskOf, LoginPage } from './pages/login.mjs'
import { frames } from './pages/tiles.mjs'
import { until } from './harness/server.mjs'

export function desk(world) {
  /** The middle of the n-th grid: each test has its own, markers on one spot hide one another. */
  const place = async (n) => (await world.server.api('GET', '/api/v1/grids')).grids.filter((grid) => grid.level === 'grid')[n].label

  describe('the login', () => {
    it('says in words that the password is wrong, and returns to where one wanted to go', async () => {
      await browsing(world.server, async (browser) => {
        browser.expect(/401 \(Unauthorized\).*\/api\/v1\/session/)
        const login = await LoginPage.open(browser, '/?lang=zh-CN')
        await login.submit('operator', 'not the password')
        await login.trouble.waitFor()
        assert.match(await login.trouble.innerText(), /密码/)
        await login.enter(world.server.account('operator'))
        assert.equal(new URL(login.page.url()).search, '?lang=zh-CN')
      })
    })
  })

  describe('the desk', () => {
    it('steps through the queue with J and K, what is due first on top', async () => {
      await browsing(world.server, async (browser) => {
        const desk = await deskOf(browser, 'operator')
        await desk.map.ready()
        const [first, second] = await desk.queue.evaluate((list) => [...list.children].slice(0, 2).map((row) => row.dataset.case))
        await desk.page.keyboard.press('j')
        await desk.page.locator(`[data-testid="case"][data-case="${first}"][data-state]`).waitFor()
        await desk.page.keyboard.press('j')
        await desk.page.locator(`[data-testid="case"][data-case="${second}"][data-state]`).waitFor()
        await desk.page.keyboard.press('k')
        await desk.page.locator(`[data-testid="case"][data-case="${first}"][data-state]`).waitFor()
      })
    })

    it('filters the queue by words and by light', async () => {
      const { id } = await world.server.report('筛选用的案卷', await place(8))
      await browsing(world.server, async (browser) => {
        const desk = await deskOf(browser, 'operator')
        await desk.page.locator('.queue input[type=search]').fill('筛选用的')
        await desk.row(id).waitFor()
        assert.equal(await desk.page.getByTestId('queue-count').innerText(), '1')
        await desk.page.getByRole('button', { name: /超期/ }).click()
        await desk.row(id).waitFor({ state: 'detached' })
      })
    })

    it('plays the cameras around a case, and a camera that is found', async () => {
      const camera = await until(60_000, async () => {
        const { cameras } = await world.server.api('GET', '/api/v1/cameras')
        return cameras.find((known) => known.state === 'online' || known.state === 'live')
      })
      const { id } = await world.server.report('看看视频', camera.location)
      await browsing(world.server, async (browser) => {
        browser.expect(/503 .*\/whep/) // a dark camera may stand among the near ones
        const desk = await deskOf(browser, 'operator')
        await desk.map.ready()
        await desk.find('看看视频', id)
        await desk.page.keyboard.press('v')
        await until(60_000, async () => (await frames(desk.page, 'near')).some((tile) => tile.frames > 10 && tile.spread > 4), 250)
        await desk.page.keyboard.press('Escape')
        await desk.page.keyboard.press('/')
        await desk.page.getByTestId('search').fill(camera.id)
        await desk.page.getByTestId('results').locator('[data-type="camera"]').first().click()
        await until(60_000, async () => (await frames(desk.page, 'camera')).some((tile) => tile.frames > 10 && tile.spread > 4), 250)
      })
    })

    it('opens a grid, a case and a camera by a click on the map', async () => {
      const at = await place(9)
      const { id } = await world.server.report('点开地图', at, 'critical')
      await browsing(world.server, async (browser) => {
        browser.expect(/503 .*\/whep/)
        const desk = await deskOf(browser, 'operator')
        await desk.map.ready()
        await until(10_000, async () => (await desk.map.cases()).includes(id))
        await desk.map.click(at)
        await desk.page.locator(`[data-testid="case"][data-case="${id}"]`).waitFor()
        await desk.page.keyboard.press('Escape')
        await desk.page.getByTestId('case').waitFor({ state: 'detached' })
        await desk.page.keyboard.press('g')
        await desk.map.ready()
        const spot = await desk.map.box.evaluate((box) => {
          // A spot of ground without any marker: the first of a raster that hits a grid and nothing else.
          const { clientWidth: w, clientHeight: h } = box
          for (let y = 60; y < h - 60; y += 24) {
            for (let x = 60; x < w - 60; x += 24) {
              const ids = box.map.queryRenderedFeatures([[x - 12, y - 12], [x + 12, y + 12]]).map((feature) => feature.layer.id)
              const ground = box.map.queryRenderedFeatures([x, y], { layers: ['grid-tint'] })
              if (ground.length > 0 && !ids.some((layer) => /^(case|camera|building)/.test(layer))) return { x, y }
            }
          }
          return null
        })
        const origin = await desk.map.box.boundingBox()
        await desk.page.mouse.click(origin.x + spot.x, origin.y + spot.y)
        await desk.page.getByTestId('grid').waitFor()
      })
    })

    it('changes language and theme without reload, and remembers both', async () => {
      await browsing(world.server, async (browser) => {
        const { page } = await deskOf(browser, 'operator')
        await page.evaluate(() => (window.untouched = true))
        await page.getByRole('heading', { name: '案卷队列' }).waitFor()
        await page.getByTestId('menu').click()
        await page.getByTestId('locale').click()
        await page.getByRole('heading', { name: 'Cases' }).waitFor()
        const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor)
        await page.getByTestId('theme').click()
        await page.locator('html[data-theme="light"]').waitFor()
        assert.notEqual(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), dark)
        assert.equal(await page.evaluate(() => window.untouched), true)
        await page.reload()
        await page.getByRole('heading', { name: 'Cases' }).waitFor()
        await page.locator('html[data-theme="light"]').waitFor()
      })
    })

    it('keeps a filter, and has it again after a reload', async () => {
      await browsing(world.server, async (browser) => {
        const { page, queue } = await deskOf(browser, 'operator')
        const rows = queue.locator('[data-case]')
        await rows.first().waitFor()
        const all = await rows.count()
        await page.getByRole('group', { name: '按等级' }).getByText('特急').click()
        await until(10_000, async () => (await rows.count()) < all)
        const narrowed = await rows.count()
        await page.getByTestId('keep-filter').click()
        await page.reload()
        await rows.first().waitFor({ timeout: 60_000 })
        assert.ok((await rows.count()) > narrowed)
        await page.getByTestId('saved-filters').getByText('特急').click()
        await until(10_000, async () => (await rows.count()) === narrowed)
        await page.getByRole('button', { name: '删除 特急' }).click()
        await page.getByTestId('saved-filters').waitFor({ state: 'detached' })
      })
    })

    it('prints its keys with ?', async () => {
      await browsing(world.server, async (browser) => {
        const { page } = await deskOf(browser, 'operator')
        await page.keyboard.press('?')
        await page.getByTestId('help').waitFor()
        await page.keyboard.press('Escape')
        await page.getByTestId('help').waitFor({ state: 'detached' })
      })
    })

    it('goes to the login when its session is gone', async () => {
      await browsing(world.server, async (browser) => {
        browser.expect(/401/)
        const { page } = await deskOf(browser, 'operator')
        await browser.context.clearCookies()
        await page.keyboard.press('/')
        await page.getByTestId('search').fill('人民')
        await page.locator('#username').waitFor()
      })
    })

    for (const role of ['admin', 'dispatcher', 'duty_leader', 'leader', 'integrator', 'officer', 'specialist', 'department', 'resident']) {
      it(`opens for the role ${role}`, async () => {
        await browsing(world.server, async (browser) => {
          await deskOf(browser, role)
        })
      })
    }
  })
}
