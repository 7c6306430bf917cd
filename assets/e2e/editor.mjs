import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { visiting } from './harness/browser.mjs'
import { until } from './harness/server.mjs'
import { EditorPage } from './pages/editor.mjs'
import { plain } from './screens.mjs'

export function editor(world) {
  const stored = async (id) => (await world.server.api('GET', '/api/v1/scenes')).scenes.find((scene) => scene.id === id)
  const tileOf = (scene, id) => scene.tiles.find((tile) => tile.id === id)

  describe('the editor of scenes', () => {
    it('draws a new scene by hand: contents dropped into the free room, a tile dragged and sized, taken back, saved', async () => {
      await visiting(world.desks, async (browser) => {
        const editor = await EditorPage.open(browser)
        await editor.page.getByTestId('new-scene').click()
        await editor.page.fill('[name="title-en"]', 'Drawn by hand')
        await editor.pull('t1', '1,0', -0.5, 0)
        assert.deepEqual(await editor.places(), { t1: [0, 0, 120, 120] })
        await editor.dropKind('ticker', 0.75, 0.5)
        assert.deepEqual(await editor.places(), { t1: [0, 0, 120, 120], t2: [120, 0, 120, 120] })
        await editor.dropKind('trend', 0.25, 0.5, 't1')
        await editor.page.locator('[data-edit="t1"]').getByText('上报与结案').waitFor()

        await editor.page.keyboard.press('z')
        await editor.page.locator('[data-edit="t1"]').getByText('地图').waitFor()
        await editor.page.keyboard.press('z')
        assert.deepEqual(await editor.places(), { t1: [0, 0, 120, 120] })
        await editor.page.getByTestId('redo').click()
        assert.deepEqual(await editor.places(), { t1: [0, 0, 120, 120], t2: [120, 0, 120, 120] })

        await editor.page.locator('[data-edit="t2"]').press('Shift+ArrowUp')
        await editor.page.locator('[data-edit="t2"]').press('ArrowDown')
        assert.deepEqual(await editor.places(), { t1: [0, 0, 120, 120], t2: [120, 5, 120, 115] })
        await editor.save()
        const saved = await stored('new-scene')
        assert.deepEqual([saved.revision, saved.title.en, tileOf(saved, 't2')], [1, 'Drawn by hand', { id: 't2', at: [120, 5, 120, 115], content: { kind: 'ticker' } }])
      })
    })

    it('warns of tiles that lie over one another', async () => {
      await visiting(world.desks, async (browser) => {
        const editor = await EditorPage.open(browser, 'plain-a')
        await editor.pull('numbers', '1,1', 0.1, 0.1)
        await editor.page.getByTestId('clashes').waitFor()
        await editor.page.keyboard.press('z')
        await editor.page.getByTestId('clashes').waitFor({ state: 'detached' })
      })
    })

    it('keeps places of their own for wide screens, and shows each screen in its proportions', async () => {
      const before = await world.server.api('GET', '/api/v1/walls/main')
      const screens = [
        { id: '1', name: '左', width_px: 1920, height_px: 1080, pitch_mm: 1.2, bezel_mm: 20, seat_m: 8 },
        { id: 'led', name: 'LED', width_px: 6656, height_px: 1792, pitch_mm: 1.5, bezel_mm: 0, seat_m: 9 },
      ]
      await world.server.api('PUT', '/api/v1/walls/main', { ...before, dwell_s: 3600, screens })
      try {
        await visiting(world.desks, async (browser) => {
          const editor = await EditorPage.open(browser, 'plain-b')
          const hung = await editor.hung()
          assert.ok(Math.abs(hung.led.width / hung['1'].width - (6656 * 1.5) / (1920 * 1.2 + 40)) < 0.1, 'widths in mm')
          assert.ok(Math.abs((await editor.ratio()) - 16 / 9) < 0.02, 'the canvas has the proportions of screen 1')
          await editor.page.locator('[data-hung="led"]').click()
          await until(10_000, async () => Math.abs((await editor.ratio()) - 6656 / 1792) < 0.02)
          await editor.pull('ticker', '-1,0', 0.25, 0)
          await editor.save()
        })
        const ticker = tileOf(await stored('plain-b'), 'ticker')
        assert.deepEqual([ticker.at, ticker.wide], [[120, 0, 120, 120], [180, 0, 60, 120]])
      } finally {
        const now = await world.server.api('GET', '/api/v1/walls/main')
        await world.server.api('PUT', '/api/v1/walls/main', { ...now, screens: before.screens })
      }
    })

    it('shows the wall itself in small before anything is saved', async () => {
      await visiting(world.desks, async (browser) => {
        const editor = await EditorPage.open(browser, 'plain-a')
        await editor.page.locator('[data-edit="numbers"]').click()
        await editor.page.getByTestId('tile-form').locator('[name="kind"]').selectOption('duty')
        await editor.page.getByTestId('preview-on').click()
        const wall = editor.page.frameLocator('[data-testid="preview"]')
        await wall.locator('[data-tile="numbers"][data-kind="duty"]').waitFor({ timeout: 60_000 })
        assert.equal((await stored('plain-a')).revision, 1, 'nothing was saved')
        const heard = (await world.server.api('GET', '/api/v1/walls/main/show')).screens
        assert.ok(!heard.some((screen) => screen.seen_s < 5), 'a preview is no screen of the wall')
        await editor.page.getByTestId('preview-on').click()
        await editor.page.keyboard.press('z')
      })
    })

    it('says in words that two changed one scene, and puts both together', async () => {
      await world.server.api('PUT', '/api/v1/scenes/two-hands', { ...plain('both'), revision: 0 })
      await visiting(world.desks, async (browser) => {
        browser.expect(/409 .*\/api\/v1\/scenes\/two-hands/)
        const editor = await EditorPage.open(browser, 'two-hands')
        await editor.pull('numbers', '0,1', 0, 0.25)
        const theirs = await stored('two-hands')
        await world.server.api('PUT', '/api/v1/scenes/two-hands', { ...theirs, title: { zh: '对方改名', en: 'Renamed' } })
        await editor.page.getByTestId('newer').waitFor()
        await editor.page.getByTestId('save').click()
        const conflict = editor.page.getByTestId('conflict')
        await conflict.getByText('修订 2').first().waitFor()
        assert.match(await conflict.locator('[data-side="mine"] li').allInnerTexts().then((all) => all.join()), /numbers\) 换了位置/)
        assert.match(await conflict.locator('[data-side="stands"] li').allInnerTexts().then((all) => all.join()), /标题改了/)
        await conflict.locator('[data-way="merge"]').click()
        await editor.save()
        const saved = await stored('two-hands')
        assert.deepEqual([saved.revision, saved.title.en, tileOf(saved, 'numbers').at], [3, 'Renamed', [0, 0, 120, 90]])
      })
    })
  })
}
