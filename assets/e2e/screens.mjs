import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Browser, visiting } from './harness/browser.mjs'
import { until } from './harness/server.mjs'
import { leaderOf } from './pages/leader.mjs'
import { deskOf } from './pages/login.mjs'
import { WallPage } from './pages/wall.mjs'

const show = (server, order) => server.api('POST', '/api/v1/walls/main/show', { take_over: true, ...order })

/** Scenes without map and video, for what is about walls and not about pictures: a busy machine draws them at once. */
export const plain = (id) => ({
  revision: 0,
  title: { zh: `平板${id}`, en: `Plain ${id}` },
  layout: 'free',
  tiles: [{ id: 'numbers', at: [0, 0, 120, 60], content: { kind: 'situation' } }, { id: 'ticker', at: [120, 0, 120, 120], content: { kind: 'ticker' } }],
})

/** Every kind of tile that counts something. */
export const numbers = {
  revision: 0,
  title: { zh: '数字', en: 'Numbers' },
  layout: 'free',
  tiles: [
    { id: 'numbers', at: [0, 0, 60, 40], content: { kind: 'situation' } },
    { id: 'ranking', at: [0, 40, 100, 80], content: { kind: 'ranking' } },
    { id: 'trend', at: [60, 0, 60, 40], content: { kind: 'trend' } },
    { id: 'duty', at: [100, 40, 60, 80], content: { kind: 'duty' } },
  ],
}

/** Opens each number's list; it has as many rows as the number says. */
async function walkNumbers(page, numbers) {
  const walked = await numbers.evaluateAll((all) => all.map((number) => number.dataset.figure))
  for (const [n, figure] of walked.entries()) {
    const number = numbers.nth(n)
    await number.click()
    const list = page.locator(`[data-testid="figure-list"][data-figure="${figure}"][data-count]`)
    await list.waitFor({ timeout: 60_000 })
    // A clock that runs out between number and list moves both; they agree again with the next look.
    await until(60_000, async () => {
      const count = await list.getAttribute('data-count')
      if ((await number.getAttribute('data-value')) === count && (await list.locator('[data-row]').count()) === Number(count)) return true
      await number.click()
      await number.click()
      await list.waitFor({ timeout: 60_000 })
      return false
    }, 500)
    await number.click()
    await list.waitFor({ state: 'detached' })
  }
  return walked
}

export function screens(world) {
  describe('a desk that drives the wall', () => {
    it('drags a camera to a tile of another browser, and that browser is an alarm when it dies', async (t) => {
      await show(world.server, { scene: 'plain-a', release: true })
      const { cameras: [camera] } = await world.server.api('GET', '/api/v1/cameras')
      const mortal = await Browser.open(world.server, { width: 1280, height: 720 })
      try {
        await visiting(world.desks, async (desks) => {
          const wall = await WallPage.openAnyScene(mortal)
          const desk = await deskOf(desks, 'operator')
          await desk.page.keyboard.press('/')
          await desk.page.getByTestId('search').fill(camera.id)
          await desk.page.getByTestId('results').locator('[data-type="camera"]').first().click()
          await desk.page.getByTestId('camera').waitFor()
          await desk.page.keyboard.press('w')
          const tile = desk.page.locator('[data-screen="1"] [data-drop="ticker"]')
          await tile.waitFor()
          const seen = wall.page.evaluate((id) => new Promise((resolve) => {
            const look = () => (document.querySelector(`[data-tile="ticker"] [data-camera="${id}"]`) ? resolve(Date.now()) : setTimeout(look, 10))
            look()
          }), camera.id)
          const source = await desk.page.getByTestId('camera').boundingBox()
          const target = await tile.boundingBox()
          await desk.page.mouse.move(source.x + 60, source.y + 12)
          await desk.page.mouse.down()
          await desk.page.mouse.move(target.x + target.width / 2, target.y + target.height / 2, { steps: 8 })
          const let_go = Date.now()
          await desk.page.mouse.up()
          const tookMs = (await seen) - let_go
          t.diagnostic(`drag to tile: ${tookMs} ms`)
          assert.ok(tookMs < 1_000, `${tookMs} ms from the desk to the tile`)
          await desk.page.getByTestId('holder').filter({ hasText: '正在控制' }).waitFor()
          await desk.page.getByTestId('alive').waitFor({ timeout: 60_000 })
          // Undo puts the scene's own content back.
          await desk.page.keyboard.press('z')
          await wall.page.locator('[data-tile="ticker"] [data-testid="ticker"]').waitFor({ timeout: 60_000 })
          mortal.check()

          await mortal.kill()
          const died = Date.now()
          await until(60_000, async () => {
            const { alarms } = await world.server.api('GET', '/api/v1/alarms?source=screen')
            return alarms.some((alarm) => alarm.source.id === 'main/1' && alarm.active)
          }, 100)
          const alarmMs = Date.now() - died
          t.diagnostic(`death to alarm: ${alarmMs} ms`)
          assert.ok(alarmMs < 10_000, `${alarmMs} ms from death to alarm`)
          await desk.page.getByTestId('dead').waitFor({ timeout: 60_000 })
        })
      } finally {
        await mortal.close()
      }
    })

    it('is refused while somebody else drives, and takes over', async () => {
      await show(world.server, { scene: 'plain-a' })
      await visiting(world.desks, async (browser) => {
        browser.expect(/409 .*\/show/)
        const { page } = await deskOf(browser, 'dispatcher')
        await page.keyboard.press('w')
        await page.locator('[data-scene-chip="plain-b"]').click()
        await page.getByTestId('take-over').click()
        await page.getByTestId('take-over').waitFor({ state: 'detached' })
        await until(30_000, async () => (await world.server.api('GET', '/api/v1/walls/main/show')).show.screens['1']?.scene === 'plain-b')
      })
    })

    it('switches the screens of one wall together', async (t) => {
      const before = await world.server.api('GET', '/api/v1/walls/main')
      const two = ['1', '2'].map((id) => ({ id, name: id, width_px: 1920, height_px: 1080, pitch_mm: 1.5, bezel_mm: 0, seat_m: 5 }))
      await world.server.api('PUT', '/api/v1/walls/main', { ...before, dwell_s: 3600, screens: two })
      await show(world.server, { scene: 'plain-a' })
      await visiting(world.walls, async (left) => {
        await visiting(world.desks, async (right) => {
          const pages = await Promise.all([WallPage.openAnyScene(left, '&screen=1'), WallPage.openAnyScene(right, '&screen=2')])
          for (const { page } of pages) await page.locator('[data-scene="plain-a"]').waitFor()
          const switched = pages.map(({ page }) => page.evaluate(() => new Promise((resolve) => {
            const look = () => (document.querySelector('[data-scene="plain-b"]') ? resolve(Date.now()) : setTimeout(look, 5))
            look()
          })))
          await show(world.server, { scene: 'plain-b' })
          const [a, b] = await Promise.all(switched)
          t.diagnostic(`two screens switched ${Math.abs(a - b)} ms apart`)
          assert.ok(Math.abs(a - b) <= 100, `${Math.abs(a - b)} ms apart`)
          const revisions = await Promise.all(pages.map(({ page }) => page.getByTestId('wall').getAttribute('data-revision')))
          assert.equal(revisions[0], revisions[1], 'both stand on one order')
        })
      })
    })

    it('opens for every number on it a list of the same count', async (t) => {
      await show(world.server, { scene: 'plain-numbers' })
      await visiting(world.walls, async (browser) => {
        const { page } = await WallPage.openAnyScene(browser)
        // Eight of the situation, twelve grids with what is late in them, two of the header and of who is on duty, and each hour of the day so far.
        const numbers = page.locator('[data-figure][data-value]')
        await until(60_000, async () => (await numbers.count()) > 36)
        const walked = await walkNumbers(page, numbers)
        const of = (kind) => walked.filter((figure) => figure.split(':')[0] === kind).length
        assert.deepEqual([of('grid'), of('late'), of('cameras'), of('officers')], [12, 13, 2, 2])
        assert.ok(of('reported') > 1 && of('closed') > 0, JSON.stringify(walked))
        t.diagnostic(`numbers walked on the wall: ${walked.length}`)
      })
    })

    it('shows every shipped scene with something in each tile', async () => {
      const { scenes } = await world.server.api('GET', '/api/v1/scenes')
      assert.equal(scenes.filter((scene) => !scene.id.startsWith('plain-')).length, 6)
      await visiting(world.walls, async (browser) => {
        browser.expect(/503 .*\/whep/)
        const { page } = await WallPage.openAnyScene(browser)
        for (const scene of scenes) {
          await show(world.server, { scene: scene.id })
          await page.locator(`[data-scene="${scene.id}"]`).waitFor({ timeout: 30_000 })
          const empty = await page.locator('[data-tile]').evaluateAll((tiles) => tiles.filter((tile) => tile.children.length === 0 || tile.clientHeight < 40).map((tile) => tile.dataset.tile))
          assert.deepEqual(empty, [], scene.id)
        }
      })
      await show(world.server, { scene: 'overview' })
    })
  })

  describe('a wall that measures itself', () => {
    it('finds five planted faults', async () => {
      const before = await world.server.api('GET', '/api/v1/walls/main')
      await world.server.api('PUT', '/api/v1/walls/main', { ...before, screens: [{ id: '1', name: '1', width_px: 1920, height_px: 1080, pitch_mm: 5, bezel_mm: 0, seat_m: 5 }] })
      await show(world.server, { scene: 'plain-a' })
      await visiting(world.walls, async (browser) => {
        const { page } = await WallPage.openAnyScene(browser)
        await page.evaluate(() => {
          const plant = (text, style, data = {}) => {
            const element = document.createElement('p')
            element.textContent = text
            Object.assign(element.style, { position: 'absolute', zIndex: 99, top: '60px', background: 'rgb(11, 20, 30)', color: 'rgb(255, 255, 255)', fontSize: '60px', ...style })
            Object.assign(element.dataset, data)
            document.querySelector('[data-testid="wall"]').append(element)
          }
          plant('planted small', { fontSize: '3px' })
          plant('埋设小字', { fontSize: '4px' })
          plant('planted faint', { color: 'rgb(40, 50, 60)' })
          for (let n = 0; n < 9; n += 1) plant(`number ${n}`, {}, { number: '' })
          for (let n = 0; n < 17; n += 1) plant(`video ${n}`, { color: 'rgb(255, 255, 255)' }, { camera: `planted-${n}` })
        })
        const kinds = await until(60_000, async () => {
          const { screens } = await world.server.api('GET', '/api/v1/walls/main/show')
          const faults = screens.find((screen) => screen.screen === '1')?.report.faults ?? []
          const has = (kind, text) => faults.some((fault) => fault.kind === kind && fault.text.includes(text))
          return has('small_latin', 'planted small') && has('small_hanzi', '埋设小字') && has('contrast', 'planted faint') && has('numbers', '') && has('videos', '')
        }, 100)
        assert.ok(kinds)
        assert.ok((await page.locator('[data-fault]').count()) >= 3, 'the texts are marked')

        // Who keeps the wall reads them as a list of what to mend, beside the screen in small.
        await visiting(world.desks, async (desks) => {
          const { page: walls } = await deskOf(desks, 'operator')
          await walls.goto(`${world.server.url}/walls`)
          await walls.getByTestId('open-screens').click()
          const fixing = walls.locator('[data-fixing="1"]')
          for (const text of ['字太小：“planted small”', '汉字太小：“埋设小字”', '对比不足：“planted faint”', '数字太多', '画面太多']) await fixing.getByText(text).first().waitFor()
          assert.ok((await fixing.locator('img').evaluate((image) => image.naturalWidth)) > 100, 'the screen in small')
        })
      })
    })
  })

  describe('the leader', () => {
    it('opens for every number a list of the same count, down to the timeline', async (t) => {
      await visiting(world.desks, async (browser) => {
        const leader = await leaderOf(browser)
        await until(30_000, async () => (await leader.numbers.count()) === 7)
        const beside = leader.page.locator('.page-head [data-figure]')
        const walked = [...(await walkNumbers(leader.page, leader.numbers)), ...(await walkNumbers(leader.page, beside))]
        // Trend and ranking give way to the list that they open.
        const side = leader.page.locator('.side [data-figure][data-value]')
        for (let n = 0; n < (await side.count()); n += 1) {
          const figure = await side.nth(n).getAttribute('data-figure')
          const value = await side.nth(n).getAttribute('data-value')
          await side.nth(n).click()
          const list = leader.page.locator(`[data-testid="figure-list"][data-figure="${figure}"][data-count]`)
          await list.waitFor({ timeout: 60_000 })
          assert.equal(await list.getAttribute('data-count'), value, figure)
          assert.equal(await list.locator('[data-row]').count(), Number(value), figure)
          await leader.page.keyboard.press('Escape')
          await list.waitFor({ state: 'detached' })
          walked.push(figure)
        }
        assert.ok(walked.length > 33, walked.join())
        t.diagnostic(`numbers walked by the leader: ${walked.length}`)
        await leader.numbers.first().click()
        await leader.page.getByTestId('figure-list').locator('[data-case]').first().click()
        await leader.page.getByTestId('leader-case').getByTestId('timeline').locator('li').first().waitFor({ timeout: 30_000 })
        await leader.page.getByTestId('back').click()
        await leader.page.getByTestId('figure-list').waitFor()
      })
    })

    it('prints the brief: the numbers of the page on sheets of A4, nothing of the page itself', async () => {
      await visiting(world.desks, async (browser) => {
        const leader = await leaderOf(browser)
        await until(30_000, async () => (await leader.numbers.count()) === 7)
        await leader.page.emulateMedia({ media: 'print' })
        const brief = leader.page.getByTestId('brief')
        await brief.waitFor()
        assert.equal(await leader.page.getByTestId('numbers').isVisible(), false)
        const open = await leader.page.locator('[data-figure="open"]').getAttribute('data-value')
        assert.equal(await brief.locator('.numbers li').first().locator('b').innerText(), open)
        const pdf = await leader.page.pdf({ preferCSSPageSize: true })
        const [, width, height] = /MediaBox \[0 0 ([\d.]+) ([\d.]+)\]/.exec(pdf.toString('latin1')).map(Number)
        assert.deepEqual([Math.round(width), Math.round(height)], [595, 842], 'A4 in points')
        await leader.page.emulateMedia({ media: null })
      })
    })
  })
}
