import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { browsing } from './harness/browser.mjs'
import { until } from './harness/server.mjs'
import { WallPage } from './pages/wall.mjs'

const url = process.env.FOREIGN_RTSP

export function foreign(world) {
  describe('a camera that this project did not make', () => {
    it('plays on the wall', { skip: url === undefined && 'set FOREIGN_RTSP to the rtsp:// address of a foreign server' }, async () => {
      const { server } = world
      const { grids } = await server.api('GET', '/api/v1/grids')
      const { lon, lat } = grids.find((grid) => grid.level === 'grid').label
      await server.api('POST', '/api/v1/cameras', { id: 'FOREIGN', name: '外来视频源', url, lon, lat })
      const before = await server.api('GET', '/api/v1/walls/main')
      await server.api('PUT', '/api/v1/walls/main', { ...before, strip: ['FOREIGN'], dwell_s: 3600 })
      await browsing(server, async (browser) => {
        const page = await WallPage.open(browser)
        const first = await until(60_000, async () => (await page.frames()).find((tile) => tile.frames > 5), 250)
        const second = await until(15_000, async () => (await page.frames()).find((tile) => tile.frames > first.frames + 20), 250)
        assert.equal(second.camera, 'FOREIGN')
        assert.notEqual(second.sum, first.sum, 'the picture moves')
        assert.ok(second.light > 8 && second.spread > 4, `the picture is black: ${second.light}, ${second.spread}`)
      })
    })
  })
}
