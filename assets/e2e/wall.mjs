import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { browsing } from './harness/browser.mjs'
import { until } from './harness/server.mjs'
import { WallPage } from './pages/wall.mjs'

/** Puts six cameras that have a picture on the wall's strip, and keeps them there. */
async function sixLive(server) {
  // The first sweep of the cameras starts a minute after the server.
  const live = await until(240_000, async () => {
    const { cameras } = await server.api('GET', '/api/v1/cameras')
    const ids = cameras.filter((camera) => ['online', 'live'].includes(camera.state)).map((camera) => camera.id)
    return ids.length >= 6 && ids.slice(0, 6)
  }, 500)
  const before = await server.api('GET', '/api/v1/walls/main')
  await server.api('PUT', '/api/v1/walls/main', { ...before, strip: live, dwell_s: 3600 })
  return live
}

/** Everything still, then everything different: frames counted on, pixels changed, nothing black. */
async function advancing(page, ids) {
  const first = await until(60_000, async () => {
    const seen = await page.frames()
    return seen.length === ids.length && seen.every((tile) => tile.frames > 5) && seen
  }, 250)
  const second = await until(15_000, async () => {
    const seen = await page.frames()
    return seen.every((tile, n) => tile.frames > first[n].frames + 10) && seen
  }, 250)
  assert.deepEqual(second.map((tile) => tile.camera), ids)
  for (const [n, tile] of second.entries()) {
    assert.notEqual(tile.sum, first[n].sum, `${tile.camera} shows the same picture`)
    assert.ok(tile.light > 8, `${tile.camera} is black: ${tile.light}`)
    assert.ok(tile.spread > 4, `${tile.camera} is one colour: ${tile.spread}`)
  }
}

export function wall(world) {
  describe('the wall', () => {
    it('shows the town and six advancing pictures, over one socket', async () => {
      const ids = await sixLive(world.server)
      await browsing(world.server, async (browser) => {
        const page = await WallPage.open(browser)
        await advancing(page, ids)
        assert.ok((await page.map.count('grid-tint')) > 20, 'grids')
        assert.ok((await page.map.count('building')) > 500, 'buildings')
        assert.ok((await page.map.count('camera-dot')) > 100, 'cameras')
        assert.deepEqual(await page.map.cases(), await world.server.openCases())
        const kpis = await world.server.api('GET', '/api/v1/situation')
        await page.page.getByTestId('open-total').getByText(String(kpis.open.total), { exact: true }).waitFor()
      })
    })

    for (const transport of ['whep', 'mse']) {
      it(`shows six advancing pictures over ${transport} alone`, async () => {
        const ids = await sixLive(world.server)
        await browsing(world.server, async (browser) => advancing(await WallPage.open(browser, `&video=${transport}`), ids))
      })
    }

    it('shows six advancing pictures as soon as they are decoded, where it asks for the lowest delay', async () => {
      const ids = await sixLive(world.server)
      await browsing(world.server, async (browser) => {
        const wall = await WallPage.open(browser, '&video=codecs')
        await advancing(wall, ids)
        const tracks = await wall.page.locator('video').evaluateAll((videos) => videos.map((video) => video.srcObject?.getVideoTracks()[0]?.constructor.name))
        assert.deepEqual(tracks, ids.map(() => 'MediaStreamTrackGenerator'))
      })
    })

    it('shows a case on map and ticker within a second of its report', async () => {
      const { grids } = await world.server.api('GET', '/api/v1/grids')
      const places = grids.filter((grid) => grid.level === 'grid').map((grid) => grid.label)
      await browsing(world.server, async (browser) => {
        const page = await WallPage.open(browser)
        const took = []
        for (const [n, priority] of ['normal', 'critical', 'advice', 'urgent', 'normal'].entries()) {
          const title = `一秒上墙 ${n}`
          const seen = page.watchFor(title)
          const start = Date.now()
          const { id } = await world.server.report(title, places[n], priority)
          const shown = await seen
          assert.equal(shown.id, id)
          took.push(shown.at - start)
        }
        took.sort((a, b) => a - b)
        assert.ok(took[2] <= 1_000, `median of ${took.join(', ')} ms`)
      })
    })

    it('puts the newest critical case on the card, and J and K choose another', async () => {
      const { grids } = await world.server.api('GET', '/api/v1/grids')
      const place = grids.find((grid) => grid.level === 'grid').label
      await browsing(world.server, async (browser) => {
        const page = await WallPage.open(browser)
        const { id } = await world.server.report('天然气泄漏', place, 'critical')
        await page.page.locator(`[data-testid="card"][data-case="${id}"]`).waitFor()
        await page.page.keyboard.press('j')
        await page.page.locator(`[data-testid="card"]:not([data-case="${id}"])`).waitFor()
        await page.page.keyboard.press('k')
        await page.page.locator(`[data-testid="card"][data-case="${id}"]`).waitFor()
      })
    })

    it('changes to English without reload', async () => {
      await browsing(world.server, async (browser) => {
        const page = await WallPage.open(browser)
        await page.page.getByRole('heading', { name: '实时事件' }).waitFor()
        await page.page.keyboard.press('l')
        await page.page.getByRole('heading', { name: 'Live cases' }).waitFor()
      })
    })

    it('does not open without its token', async () => {
      await browsing(world.server, async (browser) => {
        const page = await browser.page()
        await page.goto(`${world.server.url}/wall/main`)
        await page.locator('#username').waitFor()
      })
    })
  })
}
