import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { visiting } from './harness/browser.mjs'
import { png } from './harness/picture.mjs'
import { until } from './harness/server.mjs'
import { frames } from './pages/tiles.mjs'
import { deskOf } from './pages/login.mjs'
import { WallPage } from './pages/wall.mjs'

/** A desk whose page counts what a pointer does: a shift by keyboard leaves it at 0. */
async function byKeys(browser, role) {
  const desk = await deskOf(browser, role)
  await desk.page.evaluate(() => {
    window.pointed = 0
    addEventListener('pointerdown', () => (window.pointed += 1), { capture: true })
  })
  const keys = async (...list) => {
    for (const key of list) await desk.page.keyboard.press(key)
  }
  const words = async (text) => desk.page.keyboard.type(text)
  return { ...desk, page: desk.page, desk, keys, words, unpointed: async () => assert.equal(await desk.page.evaluate(() => window.pointed), 0, 'no pointer was used') }
}

export function shift(world) {
  const api = (...ask) => world.server.api(...ask)
  const grids = async () => (await api('GET', '/api/v1/grids')).grids.filter((grid) => grid.level === 'grid')
  const stored = (id) => api('GET', `/api/v1/cases/${id}`)
  const move = (id, body) => api('POST', `/api/v1/cases/${id}/moves`, body)
  const arrived = (page, title) => page.getByTestId('toasts').getByText(title).waitFor()

  describe('a shift by keyboard alone', () => {
    it('a new incident is dispatched as advised with three keys', async (t) => {
      const place = (await grids())[3].label
      const report = (title) => api('POST', '/api/v1/cases', { flow: 'incident', title, location: place, class: '01001', priority: 'urgent' })
      const before = await report('井盖破损一')
      await move(before.id, { move: 'verify' })
      await move(before.id, { move: 'file' })
      const { departments } = await api('GET', '/api/v1/departments')
      const water = departments.find((one) => one.name.includes('水务')) ?? departments[0]
      await move(before.id, { move: 'dispatch', department: water.code })
      await visiting(world.desks, async (browser) => {
        const { page, keys, unpointed } = await byKeys(browser, 'duty_leader')
        const { id } = await report('井盖破损二')
        await arrived(page, '井盖破损二')
        const start = Date.now()
        await keys('o')
        await page.locator(`[data-testid="case"][data-case="${id}"][data-state="reported"]`).waitFor()
        await keys('c')
        await page.getByTestId('advice').getByText(water.name).waitFor()
        await keys('d')
        await page.locator(`[data-case="${id}"][data-state="dispatched"]`).waitFor()
        t.diagnostic(`arrival to dispatch: ${Date.now() - start} ms, 3 keys`)
        assert.equal((await stored(id)).department, water.code)

        // Taken back within ten seconds, on the record; and sent again.
        await page.getByTestId('toasts').getByTestId('undo').waitFor()
        await keys('z')
        await page.locator(`[data-case="${id}"][data-state="filed"]`).waitFor()
        assert.deepEqual((await api('GET', `/api/v1/cases/${id}/timeline`)).entries.map((entry) => entry.move), ['report', 'verify', 'file', 'dispatch', 'recall'])
        await keys('d')
        await page.locator(`[data-case="${id}"][data-state="dispatched"]`).waitFor()
        await unpointed()
      })
    })

    it('an operator takes in, reports, watches, checks, closes and rates', async () => {
      const [place] = (await grids()).slice(6)
      const camera = await until(240_000, async () => {
        const { cameras } = await api('GET', '/api/v1/cameras')
        return cameras.find((known) => ['online', 'live'].includes(known.state))
      }, 500)
      await visiting(world.desks, async (browser) => {
        browser.expect(/503 .*\/whep/)
        const { page, keys, words, unpointed } = await byKeys(browser, 'operator')
        const at = (id, state) => page.locator(`[data-testid="case"][data-case="${id}"][data-state="${state}"]`).waitFor()

        await keys('?')
        await page.getByTestId('help').getByText('按建议派遣').waitFor()
        await keys('Escape')
        await page.getByTestId('help').waitFor({ state: 'detached' })

        // Takes in what came.
        const { id } = await world.server.report('路灯不亮', camera.location, 'urgent')
        await arrived(page, '路灯不亮')
        await keys('o')
        await at(id, 'reported')

        // Looks whether the cameras around see it, and says so.
        await keys('v')
        await page.getByTestId('near').locator('[data-camera]').first().waitFor()
        await keys('+')
        await page.getByTestId('near').locator('[aria-pressed="true"]').getByText('看得见').waitFor()
        await keys('Escape')
        await page.getByTestId('near').waitFor({ state: 'detached' })
        await keys('c')
        await at(id, 'filed')
        assert.deepEqual((await api('GET', `/api/v1/cases/${id}/timeline`)).entries.map((entry) => entry.move), ['report', 'verify', 'file'])

        // Reports a matter at a place that is searched for.
        await keys('/')
        await words(place.name)
        await page.getByTestId('results').locator('[data-type]').first().waitFor()
        await keys('Enter', 'n')
        await page.getByTestId('report-grid').locator('b').filter({ hasText: place.name }).waitFor()
        await words('暴露垃圾')
        await page.locator('#report-class-list [data-value]').first().waitFor()
        await keys('Enter', 'Enter')
        await page.locator('[data-testid="case"][data-state="reported"]').waitFor()
        assert.equal((await stored(await page.getByTestId('case').getAttribute('data-case'))).grid, place.code)

        // Checks, closes and rates what came back.
        const { departments: [department] } = await api('GET', '/api/v1/departments')
        await move(id, { move: 'dispatch', department: department.code })
        await move(id, { move: 'sign' })
        const sent = await fetch(`${world.server.url}/api/v1/photos`, { method: 'POST', headers: { Authorization: `Bearer ${world.server.world.token}`, 'Content-Type': 'image/png' }, body: png(320, 240, [90, 130, 90]) })
        const { id: photo } = await sent.json()
        await move(id, { move: 'handle', photos: [{ kind: 'after', id: photo }] })
        await keys('/')
        await words('路灯不亮')
        await page.getByTestId('results').locator('[data-type="case"]').first().waitFor()
        await keys('Enter')
        await at(id, 'handled')
        await keys('Enter')
        await page.getByTestId('send-move').waitFor()
        await keys('Enter')
        await at(id, 'checked')
        await keys('Enter')
        await page.getByTestId('send-move').waitFor()
        await keys('Enter')
        await at(id, 'closed')
        await keys('Enter')
        await page.locator('.star').first().waitFor()
        await keys('ArrowRight', 'ArrowRight', 'Enter')
        await at(id, 'rated')

        // Alarms, the wall, and back.
        await keys('m')
        await page.getByTestId('alarm-list').waitFor()
        await keys('m', 'w')
        await page.getByTestId('wall-drawer').waitFor()
        await keys('Escape')
        await page.getByTestId('wall-drawer').waitFor({ state: 'detached' })
        await unpointed()
      })
    })

    it('two cases are worked on side by side: each keeps what is half written', async () => {
      const places = (await grids()).slice(8, 10)
      await visiting(world.desks, async (browser) => {
        const { page, keys, words, unpointed } = await byKeys(browser, 'operator')
        const at = (id) => page.locator(`[data-testid="case"][data-case="${id}"][data-state="reported"]`).waitFor()
        const note = () => page.locator('#move-note').inputValue()
        const take = async (title, place, said) => {
          const { id } = await world.server.report(title, place.label, 'urgent')
          await arrived(page, title)
          await keys('o')
          await at(id)
          await keys('p')
          await page.locator(`[data-parallel="${id}"][aria-current="true"]`).waitFor()
          await keys('1')
          await page.getByTestId('send-move').waitFor()
          await page.locator('#move-note').focus()
          await words(said)
          await page.evaluate(() => document.activeElement.blur())
          return id
        }
        const first = await take('电梯停运', places[0], '已联系物业')
        const second = await take('水管爆裂', places[1], '已联系水务')
        await keys('[')
        await at(first)
        assert.equal(await note(), '已联系物业')
        await keys(']')
        await at(second)
        assert.equal(await note(), '已联系水务')

        // Letting one go keeps it open, with what is written.
        await keys('p')
        await page.locator(`[data-parallel="${second}"]`).waitFor({ state: 'detached' })
        assert.equal(await note(), '已联系水务')
        await keys('[')
        await at(first)
        await keys('p')
        await page.getByTestId('parallel').waitFor({ state: 'detached' })
        await unpointed()
      })
    })

    it('Enter is for the case again when the menu was looked at with the mouse', async () => {
      await visiting(world.desks, async (browser) => {
        const { page, keys } = await byKeys(browser, 'operator')
        await keys('j')
        await page.getByTestId('timeline').locator('li').first().waitFor()
        await page.getByTestId('menu').click()
        await page.locator('#page-menu:popover-open').waitFor()
        await keys('Escape')
        await page.locator('#page-menu:popover-open').waitFor({ state: 'detached' })
        await page.getByTestId('menu').evaluate((button) => button.matches(':focus')).then((held) => assert.equal(held, false))
        await keys('Enter')
        await page.getByTestId('send-move').waitFor()
        assert.equal(await page.locator('#page-menu:popover-open').count(), 0)
      })
    })

    it('the duty leader whistles for two departments', async () => {
      const place = (await grids())[5].label
      await visiting(world.desks, async (browser) => {
        const { page, keys, words, unpointed } = await byKeys(browser, 'duty_leader')
        await api('POST', '/api/v1/cases', { flow: 'incident', title: '主管道爆裂', location: place, priority: 'critical' })
        await arrived(page, '主管道爆裂')
        await keys('o')
        await page.locator('[data-testid="case"][data-state="reported"]').waitFor()
        await keys('b')
        await page.locator('#move-departments').waitFor()
        const { departments } = await api('GET', '/api/v1/departments')
        for (const { name } of departments.slice(0, 2)) {
          await page.locator('#move-departments:focus').waitFor()
          await words(name)
          await keys('Enter')
        }
        await page.locator('[data-called]').nth(1).waitFor()
        await keys('Control+Enter')
        await page.locator('[data-testid="case"][data-state="called"]').waitFor()
        const id = Number(await page.getByTestId('case').getAttribute('data-case'))
        assert.equal((await stored(id)).subcases.length, 2)
        await unpointed()
      })
    })
  })

  describe('SC-2: a street cooker is seen', () => {
    it('becomes a case in two keys from the picture, and the place says that it is one of three', async (t) => {
      const camera = await until(240_000, async () => {
        const { cameras } = await api('GET', '/api/v1/cameras')
        return cameras.find((known) => ['online', 'live'].includes(known.state) && known.grid !== null)
      }, 500)
      for (const title of ['支灶一', '支灶二']) {
        await api('POST', '/api/v1/cases', { flow: 'incident', title, location: camera.location, class: '10981', camera: camera.id })
      }
      await visiting(world.desks, async (browser) => {
        browser.expect(/503 .*\/whep/)
        const { page, keys, words, unpointed } = await byKeys(browser, 'operator')
        await keys('/')
        await words(camera.id)
        await page.getByTestId('results').locator('[data-type="camera"]').first().waitFor()
        await keys('Enter')
        await until(60_000, async () => (await frames(page, 'camera')).some((tile) => tile.frames > 10 && tile.spread > 4), 250)
        await keys('n')
        await page.locator('[data-testid="report"] .taken img').waitFor()
        await page.getByTestId('report-grid').locator('b').filter({ hasText: '›' }).waitFor()
        await page.locator('[data-testid="send-report"]:focus').waitFor()
        await keys('Enter')
        await page.locator('[data-testid="case"][data-state="reported"]').waitFor()
        const id = Number(await page.getByTestId('case').getAttribute('data-case'))
        const file = await stored(id)
        assert.deepEqual([file.camera, file.class, file.grid, file.photos.length], [camera.id, '10981', camera.grid, 1])
        assert.ok(file.description.includes(camera.id), file.description)
        const light = await page.evaluate(async (photo) => {
          const picture = await createImageBitmap(await (await fetch(photo)).blob())
          const canvas = new OffscreenCanvas(64, 36)
          const g = canvas.getContext('2d')
          g.drawImage(picture, 0, 0, 64, 36)
          const { data } = g.getImageData(0, 0, 64, 36)
          return { mean: data.reduce((sum, value) => sum + value, 0) / data.length, width: picture.width }
        }, file.photos[0].url)
        assert.ok(light.mean > 68 && light.width >= 320, `the snapshot is a picture: ${JSON.stringify(light)}`) // 64 is alpha alone
        // Place, never person: one of three within 50 m, and the nearest officer is named to the desk.
        await page.getByTestId('repeat').getByText('3').waitFor()
        await page.getByTestId('officer').waitFor()
        t.diagnostic('keys from the picture to the case: 2')
        await unpointed()
      })
    })
  })

  describe('SC-10: rain', () => {
    it('one key puts points, the cameras that see them and the duty teams on the wall, and undo takes it back', async () => {
      const { cameras } = await api('GET', '/api/v1/cameras')
      const camera = cameras.find((known) => known.grid !== null && known.bearing !== null)
      await api('POST', '/api/v1/walls/main/show', { take_over: true, scene: 'patrol', release: true })
      const flood = await api('POST', '/api/v1/cases', { flow: 'incident', title: '下穿桥积水', location: camera.location, class: '10981', priority: 'urgent' })
      await visiting(world.walls, async (walls) => {
        walls.expect(/503 .*\/(whep|streams)/)
        const wall = await WallPage.openAnyScene(walls)
        await wall.page.locator('[data-scene="patrol"]').waitFor({ timeout: 60_000 })
        await visiting(world.desks, async (browser) => {
          const { page, keys, unpointed } = await byKeys(browser, 'operator')
          await keys('r')
          await wall.page.locator('[data-scene="rain"]').waitFor({ timeout: 30_000 })
          await wall.page.locator('[data-tile="points"]').getByText('下穿桥积水').waitFor()
          await wall.page.locator('[data-tile="near"] [data-camera]').first().waitFor({ timeout: 30_000 })
          await wall.page.locator('[data-tile="duty"] dd').first().waitFor()
          await wall.map.ready()
          assert.ok((await api('GET', `/api/v1/cases/${flood.id}`)).class === '10981')

          // What one key did, another takes back, as long as the note of it stands.
          await api('POST', '/api/v1/walls/main/show', { take_over: true, scene: 'patrol', release: true })
          await wall.page.locator('[data-scene="patrol"]').waitFor({ timeout: 30_000 })
          await keys('r')
          await page.getByTestId('toasts').getByText('雨季内涝').waitFor()
          await keys('z')
          await wall.page.locator('[data-scene="patrol"]').waitFor({ timeout: 30_000 })
          await unpointed()
        })
      })
    })
  })
}
