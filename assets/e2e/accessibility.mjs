import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { describe, it } from 'node:test'
import { visiting } from './harness/browser.mjs'
import { EditorPage } from './pages/editor.mjs'
import { LoginPage, deskOf } from './pages/login.mjs'
import { WallPage } from './pages/wall.mjs'

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Everything that axe calls serious or critical, as text: rule, how it looks, where. WCAG 2.2 A and AA and its best practices. */
async function faultsOf(page) {
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }))
  return violations
    .filter((fault) => fault.impact === 'serious' || fault.impact === 'critical')
    .flatMap((fault) => fault.nodes.slice(0, 6).map((node) => `${fault.id}: ${node.target.join(' ')} ${(node.any[0] ?? node.all[0] ?? node.none[0])?.message ?? ''}`))
}

export function accessibility(world) {
  /** Looks at a page in its themes; what is found is told together, when everything was looked at. */
  let found = []
  async function look(page, where, themes = ['dark', 'light']) {
    for (const theme of themes) {
      await page.evaluate((name) => (document.documentElement.dataset.theme = name), theme)
      found.push(...(await faultsOf(page)).map((fault) => `${where}, ${theme}: ${fault}`))
    }
  }
  const none = async (use) => {
    found = []
    await use()
    assert.equal([...new Set(found)].join('\n'), '')
  }
  const goTo = async (page, path, testId) => {
    await page.goto(world.server.url + path)
    await page.locator(testId).first().waitFor({ timeout: 60_000 })
  }

  describe('axe finds no serious fault', () => {
    it('that a fault is found at all: one is planted', () =>
      visiting(world.desks, async (browser) => {
        const { page } = await LoginPage.open(browser)
        await page.evaluate(() => {
          const bad = document.createElement('p')
          bad.textContent = 'faint'
          bad.style.cssText = 'color: #223; background: #112'
          document.querySelector('main, body').append(bad)
        })
        assert.match((await faultsOf(page)).join(), /color-contrast/)
      }))

    it('at the login', () =>
      none(() => visiting(world.desks, async (browser) => {
        const { page } = await LoginPage.open(browser)
        await look(page, '/login')
      })))

    it('at the desk, with everything that opens there', () =>
      none(() => visiting(world.desks, async (browser) => {
        browser.expect(/503 .*\/whep/)
        const { page } = await deskOf(browser, 'operator')
        await look(page, 'desk')
        await page.keyboard.press('j')
        await page.getByTestId('timeline').locator('li').first().waitFor()
        await page.keyboard.press('v')
        await page.getByTestId('near').locator('[data-camera]').first().waitFor()
        await look(page, 'case and near cameras')
        await page.keyboard.press('Escape')
        await page.keyboard.press('Enter')
        await page.getByTestId('send-move').waitFor()
        await look(page, 'move')
        for (const [key, opened] of [['n', 'report'], ['m', 'alarm-list'], ['w', 'wall-drawer'], ['?', 'help']]) {
          await page.keyboard.press('Escape')
          await page.keyboard.press('Escape')
          await page.keyboard.press(key)
          await page.getByTestId(opened).waitFor()
          await look(page, opened)
        }
        await page.keyboard.press('Escape')
        const { cameras: [camera] } = await world.server.api('GET', '/api/v1/cameras')
        for (const [words, type] of [[camera.id, 'camera'], ['网格', 'grid'], ['小区', 'building']]) {
          await page.keyboard.press('Escape')
          await page.keyboard.press('/')
          await page.getByTestId('search').fill(words)
          await page.getByTestId('results').locator(`[data-type="${type}"]`).first().click()
          await page.waitForTimeout(500)
          await look(page, type)
        }
        await page.getByTestId('menu').click()
        await look(page, 'menu')
        await page.keyboard.press('Escape')
      })))

    /** Who looks, where, what says that the page is there, and what is opened on it one after the other. */
    const pages = [
      ['integrator', '/cameras', '[data-testid="registry-table"] tbody tr', []],
      ['operator', '/alarms', 'main', []],
      ['admin', '/audit', 'main', []],
      ['duty_leader', '/catalogue', '[data-testid="matrix"] td', [['cell', async (page) => page.locator('[data-testid="matrix"] td button:enabled').first().click()]]],
      ['leader', '/leader', '[data-testid="numbers"] li', []],
      ['duty_leader', '/evaluation', 'main', []],
      ['duty_leader', '/persons', '[data-testid="persons"]', [
        ['new record', async (page) => {
          await page.getByTestId('person-new').click()
          await page.getByTestId('person-form').waitFor()
        }],
        ['record', async (page) => {
          await page.fill('#person-grid', '第一网格')
          await page.keyboard.press('Enter')
          await page.selectOption('#person-kind', 'elderly_alone')
          await page.fill('#person-purpose', '每周上门一次')
          await page.fill('#person-owner', world.server.account('duty_leader').username)
          await page.keyboard.press('Enter')
          await page.fill('#person-name', '样例')
          await page.getByTestId('person-make').click()
          await page.getByTestId('person').waitFor()
          await page.getByTestId('person-row').waitFor()
        }],
        ['purpose', async (page) => page.getByTestId('person').locator('button').first().click()],
      ]],
      ['admin', '/account', 'main', []],
      ['admin', '/enrol', 'main', []],
      ['admin', '/screen', 'main', []],
    ]
    for (const [role, path, ready, opened] of pages) {
      it(`on ${[path, ...opened.map(([name]) => name)].join(', ')}`, () =>
        none(() => visiting(world.desks, async (browser) => {
          browser.expect(/503 .*\/(whep|streams)/)
          const { page } = await deskOf(browser, role)
          await goTo(page, path, ready)
          await look(page, path)
          for (const [name, prepare] of opened) {
            await prepare(page)
            await page.waitForTimeout(300)
            await look(page, `${path} ${name}`)
          }
        })))
    }

    it('on /walls, with a tile open, and its screens', () =>
      none(() => visiting(world.desks, async (browser) => {
        const { page } = await EditorPage.open(browser)
        await look(page, '/walls')
        await page.locator('[data-edit]').first().click()
        await look(page, 'tile')
        await page.getByTestId('open-screens').click()
        await look(page, 'screens')
      })))

    it('on the wall, in every scene', async () => {
      const { scenes } = await world.server.api('GET', '/api/v1/scenes')
      await none(() => visiting(world.walls, async (browser) => {
        browser.expect(/503 .*\/whep/)
        const { page } = await WallPage.openAnyScene(browser)
        for (const { id } of scenes) {
          await world.server.api('POST', '/api/v1/walls/main/show', { take_over: true, scene: id })
          await page.locator(`[data-scene="${id}"]`).waitFor({ timeout: 30_000 })
          await look(page, id, ['dark'])
        }
      }))
    })
  })
}
