import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, it } from 'node:test'
import { browsing } from './harness/browser.mjs'
import { binary, until } from './harness/server.mjs'
import { WallPage } from './pages/wall.mjs'

/** A relay of its own process on the server's database and with its keys. */
class Relay {
  static async start(server, name) {
    const env = { ...process.env, DATABASE_URL: `host=${join(server.dir, 'postgres')} user=postgres dbname=gridwall`, GRIDWALL_CAMERA_KEY_FILE: join(server.dir, 'camera.keys') }
    const child = spawn(binary, ['relay', `--name=${name}`, '--addr=127.0.0.1:0', '--rtsp-addr=off', '--camera-networks=127.0.0.0/8'], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), once(child, 'exit').then(() => ['the relay ended'])])
    assert.match(line, /serves at/)
    return new Relay(child, line.split(' ').at(-1))
  }

  constructor(child, url) {
    this.child = child
    this.url = url
  }

  async kill() {
    const gone = once(this.child, 'exit')
    if (this.child.exitCode === null && this.child.kill('SIGKILL')) await gone
  }
}

export function relays(world) {
  describe('a relay', () => {
    it('plays its share on the wall beside the centre; when it dies the wall says so, and goes on when it is back', async () => {
      const { server } = world
      const before = await server.api('GET', '/api/v1/walls/main')
      const live = await until(240_000, async () => {
        const { cameras } = await server.api('GET', '/api/v1/cameras')
        const ids = cameras.filter((camera) => ['online', 'live'].includes(camera.state)).map((camera) => camera.id)
        return ids.length >= 6 && ids.slice(0, 6)
      }, 500)
      let relay = await Relay.start(server, 'east')
      try {
        const share = live.slice(0, 2)
        await server.api('POST', '/api/v1/cameras/bulk', { ids: share, action: 'relay', value: 'east' })
        const wall = await server.api('PUT', '/api/v1/walls/main', { ...before, strip: live, dwell_s: 3600 })
        await browsing(server, async (browser) => {
          browser.expect(new RegExp(`foreign host: (ws|http)://${new URL(relay.url).host}/`))
          browser.expect(/ERR_CONNECTION_REFUSED/) // of the relay that dies
          browser.expect(/WebSocket connection to .*\/streams.* failed/)
          const page = await WallPage.open(browser)
          const advance = async (count) => {
            const seen = await page.frames()
            const from = new Map(seen.map((tile) => [tile.camera, tile.frames]))
            return until(60_000, async () => {
              const now = await page.frames()
              return now.filter((tile) => tile.frames > (from.get(tile.camera) ?? 0) + 10 && tile.light > 8).length >= count && now
            }, 250)
          }
          await advance(6)
          assert.ok(browser.troubles.some((text) => text.startsWith('foreign host: ws') && text.includes(new URL(relay.url).host)), 'its pictures come from the relay')

          await relay.kill()
          await page.page.locator(`[data-camera="${share[0]}"]`).getByText('中继 east').waitFor({ state: 'attached', timeout: 60_000 })
          await advance(4) // those of the centre go on
          const address = new URL(relay.url).host
          relay = await Relay.start(server, 'east')
          assert.notEqual(new URL(relay.url).host, address)
          await until(90_000, async () => {
            const { cameras } = await server.api('GET', '/api/v1/cameras')
            return share.every((id) => ['online', 'live'].includes(cameras.find((camera) => camera.id === id).state))
          }, 250)
          browser.expect(new RegExp(`foreign host: (ws|http)://${new URL(relay.url).host}/`))
          browser.expect(/Refused to connect|violates the following Content Security Policy|Content-Security-Policy/)
          await page.page.reload() // at another address than when the page was opened, which its policy does not know
          await page.map.ready()
          await advance(6)
        })
        await server.api('POST', '/api/v1/cameras/bulk', { ids: share, action: 'relay', value: '' })
        await server.api('PUT', '/api/v1/walls/main', { ...before, revision: wall.revision })
      } finally {
        await relay.kill()
      }
    })
  })
}
