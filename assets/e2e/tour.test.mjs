import assert from 'node:assert/strict'
import { it } from 'node:test'
import { browsing } from './harness/browser.mjs'
import { Server, until } from './harness/server.mjs'
import { WallPage } from './pages/wall.mjs'

/** How long the tour is watched. A long one: `make tour`. */
const minutes = Number(process.env.MINUTES ?? 30)
const longestBlackMs = 300
const size = { width: 1280, height: 720 }

/** Looks at every tile that is shown, ten times a second, and keeps how long each was black and what was seen. */
function watchTiles(page) {
  return page.evaluate(() => {
    const canvas = document.createElement('canvas')
    canvas.width = 16
    canvas.height = 9
    const g = canvas.getContext('2d', { willReadFrequently: true })
    const since = new Map()
    window.tour = { longest: 0, where: '', cameras: new Set(), looks: 0, late: 0 }
    let last = performance.now()
    setInterval(() => {
      const now = performance.now()
      window.tour.late = Math.max(window.tour.late, now - last)
      last = now
      window.tour.looks += 1
      document.querySelectorAll('[data-tile="video"] .page:not(.coming) .cell').forEach((cell, n) => {
        const tile = cell.querySelector('[data-camera]')
        const video = tile?.querySelector('video')
        let light = 0
        if (video !== undefined && video !== null && video.readyState >= 2) {
          g.drawImage(video, 0, 0, 16, 9)
          const { data } = g.getImageData(0, 0, 16, 9)
          for (let at = 0; at < data.length; at += 4) light += data[at] + data[at + 1] + data[at + 2]
          light /= 16 * 9 * 3
        }
        if (light > 4) {
          since.delete(n)
          window.tour.cameras.add(tile.dataset.camera)
          return
        }
        if (!since.has(n)) since.set(n, now)
        const black = now - since.get(n)
        if (black > window.tour.longest) Object.assign(window.tour, { longest: black, where: `${tile?.dataset.camera} in tile ${n}` })
      })
    }, 100)
  })
}

it(`tours 60 cameras for ${minutes} minutes, and no tile is black for over ${longestBlackMs} ms`, async (t) => {
  const server = await Server.start()
  try {
    const cameras = await until(300_000, async () => {
      const list = (await server.api('GET', '/api/v1/cameras')).cameras.filter((camera) => ['online', 'live'].includes(camera.state))
      return list.length >= 60 && list.slice(0, 60).map((camera) => camera.id)
    }, 1_000)
    const { scenes } = await server.api('GET', '/api/v1/scenes')
    const patrol = scenes.find((scene) => scene.id === 'patrol')
    await server.api('PUT', '/api/v1/scenes/patrol', { ...patrol, tiles: [{ ...patrol.tiles[0], content: { kind: 'tour', show: 9, dwell_s: 10, cameras } }] })
    await server.api('POST', '/api/v1/walls/main/show', { take_over: true, scene: 'patrol' })
    await browsing(server, async (browser) => {
      browser.expect(/503 .*\/whep/)
      const { page } = await WallPage.openAnyScene(browser)
      await until(60_000, () => page.evaluate(() => [...document.querySelectorAll('.page:not(.coming) [data-camera]')].length === 9 && [...document.querySelectorAll('.page:not(.coming) [data-camera]')].every((tile) => tile.dataset.playing === 'true')), 250)
      await watchTiles(page)
      await new Promise((resolve) => setTimeout(resolve, minutes * 60_000))
      const seen = await page.evaluate(() => ({ ...window.tour, cameras: window.tour.cameras.size }))
      t.diagnostic(`longest black ${Math.round(seen.longest)} ms (${seen.where}); ${seen.cameras} cameras in ${seen.looks} looks, the latest look ${Math.round(seen.late)} ms after the one before`)
      assert.ok(seen.looks > minutes * 60 * 4, `the page was looked at ${seen.looks} times: too seldom to tell`)
      if (minutes >= 2) assert.ok(seen.cameras >= 60, `${seen.cameras} of 60 cameras had their turn`)
      assert.ok(seen.longest <= longestBlackMs, `black for ${Math.round(seen.longest)} ms: ${seen.where}`)
    }, size)
  } finally {
    await server.stop()
  }
})
