import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { browsing } from './harness/browser.mjs'
import { until } from './harness/server.mjs'
import { WallPage } from './pages/wall.mjs'

const script = fileURLToPath(new URL('../../streams/streamtest/foreign/server.py', import.meta.url))
export const needs = 'ffmpeg, python3-gi, gir1.2-gst-rtsp-server-1.0 and gstreamer1.0-plugins-good are needed for a foreign camera'

/** GStreamer's RTSP server with a film that ffmpeg makes; undefined where either is missing and this is not CI. */
export class ForeignCamera {
  static async start(codecs = ['-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '0', '-g', '50'], name = 'film.mp4') {
    const dir = await mkdtemp(join(tmpdir(), 'gridwall-foreign-'))
    const film = join(dir, name)
    const camera = new ForeignCamera(dir)
    try {
      execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=1280x720:rate=25:duration=60', ...codecs, film])
      camera.child = spawn('/usr/bin/python3', [script, film], { stdio: ['pipe', 'pipe', 'inherit'] })
      const [line] = await Promise.race([once(createInterface(camera.child.stdout), 'line'), once(camera.child, 'exit').then(() => [''])])
      if (!line.startsWith('rtsp://')) throw new Error(needs)
      camera.url = line
      return camera
    } catch (reason) {
      await camera.stop()
      if (process.env.CI) throw reason
      return undefined
    }
  }

  constructor(dir) {
    this.dir = dir
  }

  async stop() {
    this.child?.stdin.end()
    await rm(this.dir, { recursive: true, force: true })
  }
}

export function foreign(world) {
  describe('a camera that this project did not make', () => {
    let camera
    before(async () => {
      camera = await ForeignCamera.start()
    })
    after(() => camera?.stop())

    it('plays on the wall', async (t) => {
      if (camera === undefined) return t.skip(needs)
      const { server } = world
      const { grids } = await server.api('GET', '/api/v1/grids')
      const { lon, lat } = grids.find((grid) => grid.level === 'grid').label
      await server.api('POST', '/api/v1/cameras', { id: 'FOREIGN', name: '外来视频源', url: camera.url, lon, lat })
      const before = await server.api('GET', '/api/v1/walls/main')
      const changed = await server.api('PUT', '/api/v1/walls/main', { ...before, strip: ['FOREIGN'], dwell_s: 3600 })
      await browsing(server, async (browser) => {
        const page = await WallPage.open(browser)
        const first = await until(60_000, async () => (await page.frames()).find((tile) => tile.frames > 5), 250)
        const second = await until(15_000, async () => (await page.frames()).find((tile) => tile.frames > first.frames + 20), 250)
        assert.equal(second.camera, 'FOREIGN')
        assert.notEqual(second.sum, first.sum, 'the picture moves')
        assert.ok(second.light > 8 && second.spread > 4, `the picture is black: ${second.light}, ${second.spread}`)
      })
      await server.api('PUT', '/api/v1/walls/main', { ...before, revision: changed.revision })
    })
  })
}
