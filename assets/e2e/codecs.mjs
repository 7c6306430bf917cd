import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { ForeignCamera, needs } from './foreign.mjs'
import { browsing } from './harness/browser.mjs'
import { until } from './harness/server.mjs'
import { deskOf } from './pages/login.mjs'

const h264 = ['-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '0', '-g', '50']
const h265 = ['-c:v', 'libx265', '-preset', 'ultrafast', '-g', '50', '-tag:v', 'hvc1', '-x265-params', 'log-level=none:bframes=0']
const tone = (rate) => ['-f', 'lavfi', '-i', `sine=frequency=440:sample_rate=${rate}:duration=60`]

/** What a desk shows and lets hear of each codec. Chromium on Debian decodes no H.265: the reason in words, or the sub-stream. */
export function codecs(world) {
  describe('codecs of cameras', () => {
    const cameras = {}
    before(async () => {
      cameras.aac = await ForeignCamera.start([...tone(48_000), ...h264, '-c:a', 'aac'])
      cameras.pcm = await ForeignCamera.start([...tone(8_000), ...h264, '-c:a', 'pcm_alaw'], 'film.mov')
      cameras.hevc = await ForeignCamera.start(h265)
      cameras.silent = await ForeignCamera.start(h264)
      if (Object.values(cameras).includes(undefined)) return
      const { server } = world
      const { grids } = await server.api('GET', '/api/v1/grids')
      const { lon, lat } = grids.find((grid) => grid.level === 'grid').label
      for (const [id, name, url, sub_url] of [
        ['CODEC-AAC', '编码测试一号', cameras.aac.url, ''],
        ['CODEC-PCM', '编码测试二号', cameras.pcm.url, ''],
        ['CODEC-HEVC', '编码测试三号', cameras.hevc.url, ''],
        ['CODEC-BOTH', '编码测试四号', cameras.hevc.url, cameras.silent.url],
      ])
        await server.api('POST', '/api/v1/cameras', { id, name, url, sub_url, lon, lat })
    })
    after(() => Promise.all(Object.values(cameras).map((camera) => camera?.stop())))

    /** Opens a camera's panel by its name; over the page's socket, which alone carries sound. */
    async function panel(browser, name, id) {
      const desk = await deskOf(browser, 'duty_leader')
      await desk.page.goto(`${browser.server.url}/?video=page`)
      await desk.page.getByTestId('desk').waitFor()
      await desk.page.keyboard.press('/')
      await desk.page.getByTestId('search').fill(name)
      await desk.page.getByTestId('results').locator('[data-type="camera"]').first().click()
      const tile = desk.page.locator(`[data-testid="camera"] [data-camera="${id}"]`)
      await tile.waitFor()
      return tile
    }

    const playing = (tile) => until(30_000, () => tile.evaluate((at) => at.dataset.playing === 'true'), 200)
    const shoot = (tile, name) => process.env.SHOTS && tile.page().screenshot({ path: `${process.env.SHOTS}/${name}.png` })

    it('AAC is heard when somebody asks for it', async (t) => {
      if (cameras.aac === undefined) return t.skip(needs)
      await browsing(world.server, async (browser) => {
        const tile = await panel(browser, '编码测试一号', 'CODEC-AAC')
        await playing(tile)
        assert.equal(await tile.evaluate((at) => at.querySelector('video').webkitAudioDecodedByteCount), 0, 'nobody listens yet')
        await tile.getByRole('button', { name: '声音关' }).click()
        await until(20_000, () => tile.evaluate((at) => at.querySelector('video').webkitAudioDecodedByteCount > 4_000), 200)
        const frames = () => tile.evaluate((at) => at.querySelector('video').getVideoPlaybackQuality().totalVideoFrames)
        const before = await frames()
        await until(10_000, async () => (await frames()) > before + 25, 200)
        await tile.getByRole('button', { name: '声音开' }).waitFor()
        await shoot(tile, 'sound')
      })
    })

    it('G.711 is decoded by the page', async (t) => {
      if (cameras.pcm === undefined) return t.skip(needs)
      await browsing(world.server, async (browser) => {
        await browser.context.addInitScript(() => {
          globalThis.heard = { buffers: 0, loudest: 0 }
          const start = AudioBufferSourceNode.prototype.start
          AudioBufferSourceNode.prototype.start = function (...args) {
            globalThis.heard.buffers += 1
            globalThis.heard.loudest = Math.max(globalThis.heard.loudest, ...this.buffer.getChannelData(0))
            return start.apply(this, args)
          }
        })
        const tile = await panel(browser, '编码测试二号', 'CODEC-PCM')
        await playing(tile)
        await tile.getByRole('button', { name: '声音关' }).click()
        const heard = await until(20_000, () => tile.page().evaluate(() => globalThis.heard.buffers > 50 && globalThis.heard), 200)
        assert.ok(heard.loudest > 0.1 && heard.loudest < 0.2, `ffmpeg's tone has an eighth of the full scale, this one ${heard.loudest}`)
        await playing(tile)
      })
    })

    it('H.265 is said in words', async (t) => {
      if (cameras.hevc === undefined) return t.skip(needs)
      await browsing(world.server, async (browser) => {
        const tile = await panel(browser, '编码测试三号', 'CODEC-HEVC')
        await tile.getByText('摄像机发送 H.265，此浏览器不能解码').waitFor({ timeout: 30_000 })
        await shoot(tile, 'h265')
      })
    })

    it('H.265 gives way to a sub-stream of H.264', async (t) => {
      if (cameras.hevc === undefined) return t.skip(needs)
      await browsing(world.server, async (browser) => {
        const tile = await panel(browser, '编码测试四号', 'CODEC-BOTH')
        await playing(tile)
        await tile.getByRole('button', { name: '声音关' }).click()
        await tile.getByRole('button', { name: '此摄像机没有声音' }).waitFor({ timeout: 20_000 })
        await shoot(tile, 'sub')
      })
    })
  })
}
