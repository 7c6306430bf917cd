import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Browser } from './harness/browser.mjs'
import { Server, until } from './harness/server.mjs'
import { deskOf, LoginPage } from './pages/login.mjs'
import { WallPage } from './pages/wall.mjs'

/**
 * Every page and scene × language × theme × size of the demo world, into assets/shots, and contact sheets of them. Words on the
 * command line choose: `npm run shots -- desk 3840x2160` takes those whose name holds all of them; one that
 * begins with - leaves those out that hold it.
 */
const folder = fileURLToPath(new URL('../shots/', import.meta.url))
const wanted = process.argv.slice(2)
const sizes = [[1366, 768], [1920, 1080], [3840, 2160], [6656, 1792]]
const languages = ['zh-CN', 'en']
const themes = ['dark', 'light']

/** A brief as it lies on paper: a sheet of A4 at 96 points an inch. */
async function onPaper(page) {
  await page.setViewportSize({ width: 794, height: 1123 })
  await page.emulateMedia({ media: 'print' })
}

/** What a desk shows, and how one comes there from the page before. */
const desk = [
  ['desk', async (page) => page.getByTestId('queue').locator('li').first().waitFor()],
  ['desk-menu', async (page) => page.getByTestId('menu').click()],
  ['desk-case', async (page) => {
    await page.keyboard.press('Escape')
    for (let n = 0; n < 3; n += 1) await page.keyboard.press('j')
    await page.getByTestId('timeline').locator('li').first().waitFor()
    await page.keyboard.press('v')
    await page.waitForFunction(() => [...document.querySelectorAll('[data-testid="near"] [data-camera]')].some((tile) => tile.dataset.playing === 'true'), null, { timeout: 60_000 })
  }],
  ['desk-report', async (page) => {
    if ((await page.getByTestId('near').count()) > 0) await page.keyboard.press('Escape')
    await page.keyboard.press('n')
    await page.getByTestId('report-grid').locator('b').waitFor()
    await page.fill('#report-class', (await page.evaluate(() => document.documentElement.lang)) === 'en' ? 'Litter' : '垃圾')
    await page.keyboard.press('Enter')
  }],
  ['desk-alarms', async (page) => {
    await page.keyboard.press('Escape')
    await page.keyboard.press('Escape')
    await page.keyboard.press('Escape')
    await page.keyboard.press('m')
    await page.getByTestId('alarm-list').locator('[data-alarm]').first().waitFor()
  }],
  ['desk-wall', async (page) => {
    await page.keyboard.press('Escape')
    await page.keyboard.press('w')
    await page.getByTestId('wall-drawer').waitFor()
  }],
  ['desk-camera', async (page, world) => {
    await page.keyboard.press('Escape')
    await search(page, world.camera, 'camera')
    await page.waitForFunction(() => document.querySelector('[data-testid="camera"] [data-camera]')?.dataset.playing === 'true', null, { timeout: 60_000 })
  }],
  ['desk-grid', (page, world) => search(page, world.grid, 'grid')],
  ['desk-borders', async (page) => {
    await page.getByTestId('edit-borders').click()
    await page.waitForTimeout(1_500)
  }],
  ['desk-building', async (page) => {
    await page.keyboard.press('Escape')
    await search(page, '小区', 'building')
  }],
  ['desk-keys', async (page) => {
    await page.keyboard.press('Escape')
    await page.keyboard.press('?')
    await page.getByTestId('help').waitFor()
  }],
]

const pages = [
  ['cameras', 'admin', '/cameras', async (page) => page.locator('[data-testid="registry-table"] tbody tr').first().click()],
  ['cameras-import', 'admin', '/cameras', async (page) => page.getByTestId('open-import').click()],
  ['cameras-empty', 'admin', '/cameras', async (page) => {
    await page.route('**/api/v1/cameras/registry', (route) => route.fulfill({ json: { cameras: [] } }))
    await page.reload()
    await page.getByTestId('empty').waitFor({ timeout: 30_000 })
    await page.unroute('**/api/v1/cameras/registry')
  }],
  ['walls', 'admin', '/walls', async (page) => page.locator('[data-edit]').first().click()],
  ['walls-screens', 'admin', '/walls', async (page) => page.getByTestId('open-screens').click()],
  ['alarms', 'admin', '/alarms', async () => undefined],
  ['audit', 'admin', '/audit', async () => undefined],
  ['leader', 'admin', '/leader', async (page) => page.locator('[data-testid="numbers"] li').first().waitFor()],
  ['leader-brief', 'admin', '/leader', async (page) => {
    await page.locator('[data-testid="numbers"] li').first().waitFor()
    await onPaper(page)
  }],
  ['leader-list', 'admin', '/leader', async (page) => page.locator('[data-testid="numbers"] button').first().click()],
  ['evaluation', 'admin', '/evaluation', async (page) => page.getByTestId('counts').locator('button').first().click()],
  ['evaluation-brief', 'admin', '/evaluation', async (page) => {
    await page.getByTestId('counts').locator('button').first().waitFor()
    await onPaper(page)
  }],
  ['catalogue', 'admin', '/catalogue', async (page) => page.locator('[data-testid="matrix"] td').first().waitFor()],
  ['account', 'admin', '/account', async () => undefined],
  ['enrol', 'admin', '/enrol', async () => undefined],
  ['screen', 'admin', '/screen', async () => undefined],
  ['persons', 'duty_leader', '/persons', async (page) => page.getByTestId('person-row').first().locator('button').click()],
  ['persons-new', 'duty_leader', '/persons', async (page) => page.getByTestId('person-new').click()],
]

/** Records of people that the demo town does not keep, made by who answers for them; with five of a kind there is a number to see. */
async function keepPersons(page, owner, grids) {
  const purposes = ['每周上门一次，看取暖', '送餐与用药提醒', '汛期转移需要人抬', '冬季煤气安全检查', '节前走访', '楼道扶手装好后回访', '开学前家访']
  const bodies = purposes.map((purpose, n) => ({ grid: grids[n < 5 ? 0 : n], kind: n < 5 ? 'elderly_alone' : 'hardship', purpose, owner, person: { name: '样例' } }))
  return page.evaluate(async (list) => {
    for (const body of list) {
      const answer = await fetch('/api/v1/persons', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })
      if (!answer.ok) throw new Error(await answer.text())
    }
  }, bodies).then(() => true)
}

async function search(page, words, type) {
  await page.keyboard.press('/')
  await page.getByTestId('search').fill(words)
  await page.getByTestId('results').locator(`[data-type="${type}"]`).first().click()
  await page.waitForTimeout(700)
}

const named = (what, language, theme, [width, height]) => `${what}.${language}.${theme}.${width}x${height}`
const chosen = (name) => wanted.every((word) => (word.startsWith('-') ? !name.includes(word.slice(1)) : name.includes(word)))
const taken = []

async function save(page, name) {
  // Pictures that are still opening and a map that still draws would be a picture of the machine, not of the page.
  await page.waitForFunction(() => [...document.querySelectorAll('[data-testid="map"]')].every((box) => box.map?.loaded() && !box.map.isMoving()), null, { timeout: 30_000 }).catch(() => undefined)
  await attempt(name, async () => {
    await page.screenshot({ path: `${folder}${name}.png`, timeout: 120_000 }) // 8 million points without a graphics card
    taken.push(name)
    console.log(`shots/${name}.png`)
  })
}

async function dress(page, language, theme) {
  await page.addInitScript(([name, look]) => {
    localStorage.setItem('gridwall.locale', name)
    localStorage.setItem('gridwall.theme', look)
  }, [language, theme])
}

async function desks(server, world, size) {
  for (const language of languages) {
    for (const theme of themes) {
      const inside = [...desk, ...pages].filter(([what]) => chosen(named(what, language, theme, size)))
      if (inside.length === 0 && !chosen(named('login', language, theme, size))) continue
      const browser = await Browser.open(server, { width: size[0], height: size[1] })
      try {
        if (chosen(named('login', language, theme, size))) {
          await browser.context.addInitScript(([name, look]) => (localStorage.setItem('gridwall.locale', name), localStorage.setItem('gridwall.theme', look)), [language, theme])
          const { page } = await LoginPage.open(browser)
          await save(page, named('login', language, theme, size))
          await page.close()
        }
        if (inside.length === 0) continue
        const { page } = await deskOf(browser, 'admin')
        await dress(page, language, theme)
        await page.reload()
        await page.getByTestId('desk').waitFor({ timeout: 60_000 })
        const last = desk.findLastIndex(([what]) => chosen(named(what, language, theme, size)))
        for (const [what, prepare] of desk.slice(0, last + 1)) {
          await attempt(what, () => prepare(page, world))
          if (chosen(named(what, language, theme, size))) await save(page, named(what, language, theme, size))
        }
        let signedIn = 'admin'
        for (const [what, role, path, prepare] of pages) {
          if (!chosen(named(what, language, theme, size))) continue
          if (role !== signedIn) {
            await browser.context.clearCookies()
            await page.goto(server.url)
            const { username, password } = server.account(role)
            await new LoginPage(page).enter({ username, password })
            if (world.persons === undefined) world.persons = await keepPersons(page, username, world.grids)
            signedIn = role
          }
          await page.emulateMedia({ media: null })
          await page.setViewportSize({ width: size[0], height: size[1] })
          await page.goto(server.url + path)
          await page.locator('main').first().waitFor({ timeout: 60_000 })
          await attempt(what, () => prepare(page, world))
          await page.waitForTimeout(1_200)
          await save(page, named(what, language, theme, size))
        }
      } finally {
        await browser.close()
      }
    }
  }
}

/** One page that does not come must not cost the others; it is said at the end, and the run fails. */
const failed = []
async function attempt(what, prepare) {
  try {
    await prepare()
  } catch (cause) {
    failed.push(`${what}: ${String(cause).split('\n')[0]}`)
  }
}

/** That no page stood on the wall for a while is the doing of this program: it is answered, and leaves the pictures. */
async function answered(server) {
  const { alarms } = await server.api('GET', '/api/v1/alarms')
  for (const alarm of alarms.filter((one) => one.source.kind === 'screen')) await server.api('POST', `/api/v1/alarms/${alarm.id}/moves`, { move: 'acknowledge' }).catch(() => undefined)
}

async function walls(server, size) {
  const { scenes } = await server.api('GET', '/api/v1/scenes')
  for (const [language, theme] of languages.flatMap((name) => themes.map((look) => [name, look]))) {
    const here = scenes.filter((scene) => chosen(named(`wall-${scene.id}`, language, theme, size)))
    if (here.length === 0) continue
    const browser = await Browser.open(server, { width: size[0], height: size[1] })
    try {
      const { page } = await WallPage.openAnyScene(browser, `&lang=${language}&theme=${theme}`)
      for (const scene of here) {
        await server.api('POST', '/api/v1/walls/main/show', { take_over: true, scene: scene.id })
        await page.locator(`[data-scene="${scene.id}"]`).waitFor({ timeout: 60_000 })
        await page.waitForTimeout(1_500) // near cameras are asked for once the scene stands
        await attempt(scene.id, () => until(40_000, () => page.evaluate(() => {
          const tiles = [...document.querySelectorAll('[data-camera]')]
          return tiles.filter((tile) => tile.dataset.playing === 'true').length >= tiles.length * 0.75
        }), 500))
        await answered(server)
        await page.waitForTimeout(1_000)
        await save(page, named(`wall-${scene.id}`, language, theme, size))
      }
    } finally {
      await browser.close()
    }
  }
}

/** What the sheet of the documentation holds: every page and scene once dark in Chinese, once light in English. */
const documented = /\.(zh-CN\.dark|en\.light)\.1920x1080\.png$/

/** All pictures of one language, theme and size on one sheet, each under its name; and one for the documentation. */
async function sheets() {
  const groups = new Map()
  const names = (await readdir(folder)).filter((one) => one.split('.').length === 5).sort()
  for (const name of names) {
    const group = name.split('.').slice(1, 4).join('.')
    groups.set(group, [...(groups.get(group) ?? []), name])
  }
  groups.set('pages', names.filter((name) => documented.test(name)))
  if (groups.get('pages').length === 0) groups.delete('pages')
  const browser = await Browser.open({ url: 'http://127.0.0.1' }, { width: 2000, height: 1400 })
  try {
    for (const [group, names] of groups) {
      const figures = names.map((name) => `<figure><img src="${name}" alt=""><figcaption>${name.split('.')[0]}</figcaption></figure>`).join('')
      const file = `${folder}contact.html`
      await writeFile(file, `<!doctype html><meta charset="utf-8"><title>${group}</title><style>body{display:grid;grid-template-columns:repeat(${group === 'pages' ? 6 : 4},1fr);gap:12px;margin:12px;background:#777;font:16px sans-serif}figure{margin:0}img{width:100%}figcaption{color:#fff}</style>${figures}`)
      const page = await browser.page()
      await page.goto(`file://${file}`)
      await page.screenshot({ path: `${folder}contact-${group}.jpg`, type: 'jpeg', quality: group === 'pages' ? 72 : 82, fullPage: true })
      console.log(`shots/contact-${group}.jpg: ${names.length} pictures`)
      await page.close()
    }
  } finally {
    await browser.close()
  }
}

await mkdir(folder, { recursive: true })
const server = await Server.start({ persons: true })
try {
  // The strip stands still, so that each picture has the page with the dark camera on it: dead is visible.
  const wall = await server.api('GET', '/api/v1/walls/main')
  await server.api('PUT', '/api/v1/walls/main', { ...wall, dwell_s: 3600 })
  const { grids } = await server.api('GET', '/api/v1/grids')
  const flooded = grids.filter((grid) => grid.level === 'grid')[4]
  await server.api('POST', '/api/v1/cases', { flow: 'incident', title: '下穿桥积水', location: flooded.label, class: '10981', priority: 'urgent' })
  const cameras = await until(240_000, async () => {
    const list = (await server.api('GET', '/api/v1/cameras')).cameras
    return list.every((camera) => camera.state !== 'unknown') && list
  }, 500)
  const world = { camera: cameras.find((camera) => camera.ptz && ['online', 'live'].includes(camera.state)).id, grid: grids.find((grid) => grid.level === 'grid').name, grids: grids.filter((grid) => grid.level === 'grid').map((grid) => grid.code) }
  for (const size of sizes) {
    await walls(server, size)
    await desks(server, world, size)
  }
  await sheets()
} finally {
  await server.stop()
}
console.log(`${taken.length} pictures`)
if (failed.length > 0) {
  console.error(`not as wanted:\n${[...new Set(failed)].join('\n')}`)
  process.exitCode = 1
}
