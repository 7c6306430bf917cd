import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { Kiosk } from './harness/kiosk.mjs'
import { Server, until } from './harness/server.mjs'

/** SOAK_MINUTES a wall plays sixteen cameras while SOAK_CASES cases a second come and go. */
const minutes = Number(process.env.SOAK_MINUTES ?? 60)
const casesPerSecond = Number(process.env.SOAK_CASES ?? 0)
const pictures = 16
/** What the browser still gathers at the beginning, code and buffers, is no growth. */
const warmMinutes = Math.min(10, Math.ceil(minutes / 6))
const openFor = 60_000

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]

/**
 * Memory of a process, and of all below it (not of PostgreSQL, whose cache fills up), in MiB: what is shared is split among
 * those who share it. What is read from files, the browser's code, is left out: its share rises when another browser ends.
 */
async function memory(root, children = true) {
  const parents = new Map()
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
    if (stat !== '') parents.set(Number(pid), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
  }
  const below = (pid) => pid === root || (children && parents.has(pid) && below(parents.get(pid)))
  let sum = 0
  for (const pid of [...parents.keys()].filter(below)) {
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '')
    for (const [, kib] of rollup.matchAll(/^Pss_(?:Anon|Shmem):\s+(\d+)/gm)) sum += Number(kib) / 1024
  }
  return sum
}

/** Each tile: frames decoded and dropped, seconds of film played, and how far behind the newest picture it has. */
const look = (page) =>
  page.evaluate(() => ({
    at: performance.now() / 1000,
    tiles: [...document.querySelectorAll('[data-camera] video')].map((video) => {
      const { totalVideoFrames, droppedVideoFrames } = video.getVideoPlaybackQuality()
      const { buffered } = video
      return {
        camera: video.closest('[data-camera]').dataset.camera,
        frames: totalVideoFrames,
        dropped: droppedVideoFrames,
        time: video.currentTime,
        behind: buffered.length > 0 ? buffered.end(buffered.length - 1) - video.currentTime : Infinity,
      }
    }),
  }))

describe('a wall that stands for long', () => {
  let server
  before(async () => {
    server = await Server.start()
  })
  after(() => server?.stop())

  it(`plays ${pictures} cameras for ${minutes} minutes: none dies, none drifts, memory does not grow`, async (t) => {
    const live = await until(240_000, async () => {
      const { cameras } = await server.api('GET', '/api/v1/cameras')
      const ids = cameras.filter((camera) => ['online', 'live'].includes(camera.state)).map((camera) => camera.id)
      return ids.length >= pictures && ids.slice(0, pictures)
    }, 500)
    const tiles = [{ id: 'video', at: casesPerSecond > 0 ? [0, 0, 150, 120] : [0, 0, 240, 120], content: { kind: 'tour', cameras: live, show: pictures, dwell_s: 86_400 } }]
    if (casesPerSecond > 0) tiles.push({ id: 'map', at: [150, 0, 90, 70], content: { kind: 'map' } }, { id: 'ticker', at: [150, 70, 90, 50], content: { kind: 'ticker' } })
    await server.api('PUT', '/api/v1/scenes/soak', { revision: 0, title: { zh: '久立', en: 'Soak' }, layout: 'free', tiles })
    await server.api('POST', '/api/v1/walls/main/show', { take_over: true, scene: 'soak', release: true })
    const { url, token } = server.world.wall
    const kiosk = await Kiosk.open(`${url}?token=${token}`)
    let reporting = true
    let reported = 0
    const work = []
    try {
      const page = await kiosk.page()
      const devtools = await page.context().newCDPSession(page)
      await until(90_000, async () => {
        const { tiles } = await look(page)
        return tiles.length === pictures && tiles.every((tile) => tile.frames > 25)
      }, 500)
      if (casesPerSecond > 0) {
        const { grids } = await server.api('GET', '/api/v1/grids')
        const places = grids.filter((grid) => grid.level === 'grid').map((grid) => grid.label)
        work.push((async () => {
          for (const began = Date.now(); reporting; ) {
            const { id } = await server.report(`久立 ${reported}`, places[reported % places.length])
            setTimeout(() => work.push(server.api('POST', `/api/v1/cases/${id}/moves`, { move: 'reject', note: '久立测试' })), openFor)
            reported += 1
            await new Promise((resolve) => setTimeout(resolve, Math.max(0, began + (reported * 1_000) / casesPerSecond - Date.now())))
          }
        })())
      }
      const browser = []
      const house = []
      let first, last
      for (let minute = 0; minute <= minutes; minute += 1) {
        const seen = await look(page)
        if (minute === 1) first = seen
        if (last !== undefined) {
          const dead = seen.tiles.filter((tile) => tile.frames - (last.tiles.find(({ camera }) => camera === tile.camera)?.frames ?? 0) < 60)
          assert.deepEqual(dead, [], `minute ${minute}: tiles that stand still`)
          assert.equal(seen.tiles.length, pictures)
        }
        last = seen
        await devtools.send('HeapProfiler.collectGarbage') // else it is a saw's tooth of 200 MiB
        browser.push(await memory(kiosk.process.pid))
        house.push(await memory(server.pid, false))
        console.log(`minute ${minute}: browser ${browser.at(-1).toFixed(0)} MiB, server ${house.at(-1).toFixed(0)} MiB, furthest behind ${Math.max(...seen.tiles.map(({ behind }) => behind)).toFixed(2)} s, ${reported} cases`)
        if (minute < minutes) await new Promise((resolve) => setTimeout(resolve, 60_000))
      }
      const drift = last.tiles.map((tile) => {
        const before = first.tiles.find(({ camera }) => camera === tile.camera)
        return Math.abs(tile.time - before.time - (last.at - first.at))
      })
      const frames = last.tiles.reduce((sum, tile) => sum + tile.frames, 0)
      const dropped = last.tiles.reduce((sum, tile) => sum + tile.dropped, 0)
      const grown = (list) => median(list.slice(-warmMinutes)) / median(list.slice(warmMinutes, 2 * warmMinutes)) - 1
      t.diagnostic(`drift at most ${Math.max(...drift).toFixed(2)} s; ${frames} frames, ${dropped} dropped; memory grew by ${(100 * grown(browser)).toFixed(1)} % (browser), ${(100 * grown(house)).toFixed(1)} % (server)`)
      if (casesPerSecond > 0) {
        reporting = false
        await Promise.all(work)
        await until(openFor + 60_000, async () => {
          const open = await server.openCases()
          const drawn = await page.evaluate(() => document.querySelector('[data-testid="map"]').incidents.drawn.map(({ id }) => id).sort((a, b) => a - b))
          return JSON.stringify(open) === JSON.stringify(drawn)
        }, 500)
        await Promise.all(work)
      }
      assert.ok(Math.max(...drift) < 1, `drift ${drift.map((s) => s.toFixed(2))}`)
      assert.ok(last.tiles.every(({ behind }) => behind < 1), 'behind the newest picture by under a second')
      assert.ok(grown(browser) < 0.05 && grown(house) < 0.05, 'memory grows by under 5 %')
    } finally {
      reporting = false
      await kiosk.close()
    }
  })
})
