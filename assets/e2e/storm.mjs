import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { browsing } from './harness/browser.mjs'
import { until } from './harness/server.mjs'
import { WallAlarms } from './pages/alarms.mjs'
import { WallPage } from './pages/wall.mjs'

const storm = 5_000
const stormMs = 10_000
const writers = 32

/** Posts the storm's cases over its ten seconds, or as fast as the server takes them; returns their ids. */
async function post(server, places) {
  const began = Date.now()
  const ids = []
  let next = 0
  await Promise.all(
    Array.from({ length: writers }, async () => {
      while (next < storm) {
        const n = next
        next += 1
        const early = began + (n * stormMs) / storm - Date.now()
        if (early > 0) await new Promise((resolve) => setTimeout(resolve, early))
        const { id } = await server.report(`风暴 ${n}`, places[n % places.length])
        ids.push(id)
      }
    }),
  )
  return { ids, tookMs: Date.now() - began }
}

export function storms(world) {
  describe('a storm', () => {
    it('of 5,000 cases, 23 dark cameras and a flapping sensor leaves the wall smooth, one alarm each, and nothing lost', async () => {
      const { server } = world
      const { grids } = await server.api('GET', '/api/v1/grids')
      const places = grids.filter((grid) => grid.level === 'grid').map((grid) => grid.label)
      const before = await server.openCases()
      await browsing(server, async (browser) => {
        const wall = await WallPage.open(browser)
        const shown = new WallAlarms(wall.page)
        for (let n = 0; n < 23; n += 1) {
          const { lon, lat } = places[n % places.length]
          await server.api('POST', '/api/v1/cameras', { id: `SW9-${n}`, name: `交换机九 ${n}`, url: `rtsp://127.0.0.1:1/${n}`, lon, lat, switch: 'SW-9' })
        }
        const flap = (async () => {
          for (let n = 0; n < 40; n += 1) {
            await server.api('POST', '/api/v1/alarms', { key: 'storm-flap', active: n % 2 === 0, priority: 'medium', title: '抖动的传感器' })
            await new Promise((resolve) => setTimeout(resolve, 100))
          }
        })()
        const frames = await wall.countFrames()
        const { ids, tookMs } = await post(server, places)
        const fps = await frames()
        await flap
        assert.equal(new Set(ids).size, storm)

        const expected = [...before, ...ids].sort((a, b) => a - b)
        await until(20_000, async () => (await wall.openTotal()) === expected.length)
        assert.ok(fps > 20, `${fps.toFixed(1)} frames a second over ${tookMs} ms`)
        const drawn = await until(30_000, async () => {
          const ids = await wall.map.cases()
          return ids.length >= expected.length && ids
        })
        assert.deepEqual(drawn, expected)

        const ours = await until(90_000, async () => {
          const { alarms } = await server.api('GET', '/api/v1/alarms')
          const dark = alarms.filter((alarm) => alarm.source.kind === 'group' && alarm.source.id.includes('SW-9'))
          return dark.length > 0 && { dark, flapping: alarms.filter((alarm) => alarm.title.zh.includes('抖动')) }
        })
        assert.deepEqual([ours.dark.length, ours.dark[0].items_total, ours.flapping.length], [1, 23, 1])
        await shown.tile(ours.dark[0].id).waitFor()
      })
    })
  })
}
