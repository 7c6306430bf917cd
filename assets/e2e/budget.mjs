import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { browsing } from './harness/browser.mjs'
import { until } from './harness/server.mjs'
import { WallPage } from './pages/wall.mjs'

const pictures = 36
/** So many moving pictures the weak machine has time for. */
const strength = 9

/** Stands in for the machine's strength, not to depend on this one: of the frames that more than `strength` tiles bring, the page hears that so many were dropped; of a strong one, none. */
function weaken(strength) {
  const real = HTMLVideoElement.prototype.getVideoPlaybackQuality
  const dropped = new WeakMap()
  globalThis.weak = true
  HTMLVideoElement.prototype.getVideoPlaybackQuality = function () {
    const { totalVideoFrames } = real.call(this)
    const was = dropped.get(this) ?? { frames: totalVideoFrames, lost: 0 }
    const moving = document.querySelectorAll('[data-playing="true"][data-still="false"]').length
    const share = globalThis.weak && moving > strength ? 1 - strength / moving : 0
    const lost = was.lost + Math.max(0, totalVideoFrames - was.frames) * share
    dropped.set(this, { frames: totalVideoFrames, lost })
    return { totalVideoFrames, droppedVideoFrames: Math.floor(lost) }
  }
}

/** Each picture: whether it plays, is a still, how many frames came since `before`, and its area. */
const look = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('[data-camera]:has(video)')].map((tile) => {
      const video = tile.querySelector('video')
      const { width, height } = tile.getBoundingClientRect()
      return { camera: tile.dataset.camera, playing: tile.dataset.playing === 'true', still: tile.dataset.still === 'true', frames: video.webkitDecodedFrameCount, area: width * height }
    }),
  )

export function budget(world) {
  describe('a screen that shows more than its machine can decode', () => {
    it('plays 36 cameras over one socket, makes the small ones refreshed stills, and moves more again when it can', async (t) => {
      const { server } = world
      const live = await until(240_000, async () => {
        const { cameras } = await server.api('GET', '/api/v1/cameras')
        const ids = cameras.filter((camera) => ['online', 'live'].includes(camera.state)).map((camera) => camera.id)
        return ids.length >= pictures && ids.slice(0, pictures)
      }, 500)
      const tiles = [
        { id: 'large', at: [0, 0, 120, 120], content: { kind: 'camera', camera: live[0] } },
        ...[live.slice(1, 21), live.slice(21)].map((cameras, n) => ({ id: `small-${n}`, at: [120, 60 * n, 120, 60], content: { kind: 'tour', cameras, show: cameras.length, dwell_s: 86_400 } })),
      ]
      await server.api('PUT', '/api/v1/scenes/plain-budget', { revision: 0, title: { zh: '预算', en: 'Budget' }, layout: 'free', tiles })
      await server.api('POST', '/api/v1/walls/main/show', { take_over: true, scene: 'plain-budget', release: true })
      await browsing(server, async (browser) => {
        browser.expect(/503 .*\/whep/)
        await browser.context.addInitScript(weaken, strength)
        const sockets = []
        browser.context.on('page', (page) => page.on('websocket', (socket) => new URL(socket.url()).pathname === '/streams' && sockets.push(socket.url())))
        const { page } = await WallPage.openAnyScene(browser, '&video=page')
        await until(90_000, async () => {
          const seen = await look(page)
          return seen.length === pictures && seen.every((tile) => tile.playing)
        }, 500)
        assert.equal(sockets.length, 1, 'one socket carries all')
        const settled = await until(120_000, async () => {
          const seen = await look(page)
          const moving = seen.filter((tile) => !tile.still)
          return moving.length > 0 && moving.length <= strength * 1.25 && seen
        }, 500)
        const moving = settled.filter((tile) => !tile.still)
        assert.ok(moving.some((tile) => tile.camera === live[0]), 'the largest picture goes on')
        await page.getByText('逐帧刷新').first().waitFor()

        const seconds = 10
        const first = await look(page)
        await new Promise((done) => setTimeout(done, seconds * 1_000))
        const second = await look(page)
        const rate = (still) => first.flatMap((tile, n) => (tile.still === still && second[n].still === still ? [(second[n].frames - tile.frames) / seconds] : []))
        const [slow, fast] = [rate(true), rate(false)]
        t.diagnostic(`${moving.length} of ${pictures} move, at ${Math.min(...fast).toFixed(1)} to ${Math.max(...fast).toFixed(1)} frames/s; stills at ${Math.min(...slow).toFixed(1)} to ${Math.max(...slow).toFixed(1)}`)
        assert.ok(slow.every((fps) => fps > 0), 'every still is refreshed')
        assert.ok(Math.max(...slow) < 3, 'with its keyframes alone')
        assert.ok(Math.max(...fast) > 10)
        assert.ok(second.every((tile) => tile.playing), 'none is called broken')

        const before = second.filter((tile) => !tile.still).length
        await page.evaluate(() => (globalThis.weak = false))
        await until(120_000, async () => (await look(page)).filter((tile) => !tile.still).length > before, 500)
      })
      await server.api('POST', '/api/v1/walls/main/show', { take_over: true, scene: 'overview', release: true })
    })
  })
}
