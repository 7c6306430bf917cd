import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Kiosk } from './harness/kiosk.mjs'
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

/** Gathers how fast a screen painted, by its own word every 5 s; the returned function ends that and gives what lay within. */
function listen(server, screen) {
  const beats = []
  let on = true
  const listening = (async () => {
    while (on) {
      const { screens } = await server.api('GET', '/api/v1/walls/main/show')
      const said = screens.find((one) => one.screen === screen)
      const at = Date.now() - (said?.seen_s ?? Infinity) * 1_000
      if (said !== undefined && at > (beats.at(-1)?.at ?? 0) + 1_000) beats.push({ at, fps: said.fps })
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  })()
  return {
    beats,
    end: async (from, to) => {
      on = false
      await listening
      return beats.filter((beat, n) => n > 0 && beats[n - 1].at >= from && beat.at <= to).map(({ fps }) => fps)
    },
  }
}

export function storms(world) {
  describe('a storm', () => {
    it('of 5,000 cases, 23 dark cameras and a flapping sensor leaves the wall smooth, one alarm each, and nothing lost', async () => {
      const { server } = world
      const { grids } = await server.api('GET', '/api/v1/grids')
      const places = grids.filter((grid) => grid.level === 'grid').map((grid) => grid.label)
      const before = await server.openCases()
      const { url, token } = server.world.wall
      const kiosk = await Kiosk.open(`${url}?token=${token}`)
      try {
        const speed = listen(server, '1')
        await until(60_000, () => speed.beats.length >= 3) // the page is up, and the first picture long past
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
        const began = Date.now()
        const { ids, tookMs } = await post(server, places)
        const spans = await speed.end(began, began + tookMs)
        const fps = Math.min(...spans)
        await flap
        const wall = new WallPage(await kiosk.page())
        const shown = new WallAlarms(wall.page)
        assert.equal(new Set(ids).size, storm)

        const expected = [...before, ...ids].sort((a, b) => a - b)
        await until(20_000, async () => (await wall.openTotal()) === expected.length)
        console.log(`5,000 cases in ${tookMs} ms; frames a second, each over 5 s: ${spans.join(', ')}`)
        assert.ok(spans.length > 0 && fps > 20, `${fps} frames a second`)
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
      } finally {
        await kiosk.close()
      }
    })
  })
}
