import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { browsing } from './harness/browser.mjs'
import { until } from './harness/server.mjs'

const client = new URL('../node_modules/whip-whep/whep.js', import.meta.url)

/** A public WHEP client that this project did not write, with a token and no session, as another program would. */
export function foreignWhep(world) {
  describe('a WHEP client that this project did not make', () => {
    it('plays a camera, and its goodbye ends the session', async () => {
      const { server } = world
      const camera = await until(240_000, async () => {
        const { cameras } = await server.api('GET', '/api/v1/cameras')
        return cameras.find(({ state }) => ['online', 'live'].includes(state))
      }, 500)
      await browsing(server, async (browser) => {
        browser.expect(/405/) // it offers its candidates one by one, which the server, having all it needs, declines
        browser.expect(/404 .*\/whep\//) // it closes its connection before it says goodbye, and the server may have forgotten it by then
        const page = await browser.page()
        // The page's policy would not let a script of ours in: what is tested is the client and the server.
        await page.route('**/login', async (route) => {
          const response = await route.fetch()
          const headers = response.headers()
          delete headers['content-security-policy']
          await route.fulfill({ response, headers })
        })
        await page.goto(`${server.url}/login`)
        const source = await readFile(client, 'utf8')
        await page.addScriptTag({ type: 'module', content: `${source.replace('export class', 'class')}\nwindow.WHEPClient = WHEPClient` })
        await page.waitForFunction(() => window.WHEPClient !== undefined)
        await page.evaluate(async ([url, token]) => {
          const video = document.createElement('video')
          video.muted = video.autoplay = true
          document.body.append(video)
          const peer = new RTCPeerConnection()
          peer.addTransceiver('video', { direction: 'recvonly' })
          peer.addTransceiver('audio', { direction: 'recvonly' })
          peer.ontrack = ({ streams, track }) => {
            if (track.kind === 'video') video.srcObject = streams[0] ?? new MediaStream([track])
          }
          window.whep = new window.WHEPClient()
          await window.whep.view(peer, url, token)
        }, [`${server.url}/streams/${camera.id}/whep`, server.world.token])
        const frames = () => page.evaluate(() => document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames)
        const first = await until(30_000, async () => (await frames()) > 5 && frames(), 250)
        await until(30_000, async () => (await frames()) > first + 50, 250)
        const ended = await page.evaluate(async () => {
          const url = window.whep.resourceURL
          await window.whep.stop()
          return url.href
        })
        assert.match(ended, new RegExp(`/streams/${camera.id}/whep/`))
        const again = await fetch(ended, { method: 'DELETE', headers: { Authorization: `Bearer ${server.world.token}` } })
        assert.equal(again.status, 404, 'the session is over')
      })
    })
  })
}
