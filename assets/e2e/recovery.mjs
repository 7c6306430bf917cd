import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { browsing } from './harness/browser.mjs'
import { until } from './harness/server.mjs'
import { WallPage } from './pages/wall.mjs'

export function recovery(world) {
  describe('a server that is killed', () => {
    it('is missed in words, comes back by itself, and nothing is missing or there twice', async () => {
      const { server } = world
      const { grids } = await server.api('GET', '/api/v1/grids')
      const places = grids.filter((grid) => grid.level === 'grid').map((grid) => grid.label)
      await browsing(server, async (browser) => {
        // What the browser says about a server that is not there.
        browser.expect(/ERR_CONNECTION_(REFUSED|RESET)|ERR_INCOMPLETE_CHUNKED|ERR_EMPTY_RESPONSE|ERR_SOCKET_NOT_CONNECTED|WebSocket connection to/)
        browser.expect(/(503|404) .*\/whep/) // cameras are connected anew
        const page = await WallPage.open(browser)
        const before = await server.openCases()
        assert.deepEqual(await page.map.cases(), before)

        const last = await server.report('断电之前', places[0])
        await server.kill()
        await page.stale.waitFor({ timeout: 15_000 })
        assert.match(await page.stale.innerText(), /数据停更\s*00:00:\d\d/)
        const counted = await page.stale.innerText()
        await until(5_000, async () => (await page.stale.innerText()) !== counted)
        assert.ok((await page.map.cases()).length >= before.length, 'the last picture stays')

        await server.restart()
        const posted = [last.id]
        for (const [n, place] of places.slice(1, 6).entries()) posted.push((await server.report(`恢复之后 ${n}`, place)).id)
        await page.stale.waitFor({ state: 'detached', timeout: 30_000 })
        await page.page.locator('[data-testid="link"][data-link="open"]').waitFor()
        const open = await server.openCases()
        assert.deepEqual(posted.filter((id) => !open.includes(id)), [], 'the server kept every accepted case')
        await until(15_000, async () => JSON.stringify(await page.map.cases()) === JSON.stringify(open))
        const ticker = await page.ticker()
        assert.deepEqual(posted.filter((id) => !ticker.includes(id)), [])
        assert.equal(new Set(ticker).size, ticker.length)
        await until(60_000, async () => (await page.frames()).some((tile) => tile.frames > 5), 500)
      })
    })
  })
}
