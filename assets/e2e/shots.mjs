import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Browser } from './harness/browser.mjs'
import { Server, until } from './harness/server.mjs'
import { deskOf, LoginPage } from './pages/login.mjs'
import { WallPage } from './pages/wall.mjs'

/** The pictures of the README and of a customer's first mail, taken of the demo world: into assets/shots. */
const folder = fileURLToPath(new URL('../shots/', import.meta.url))

async function shoot(server, size, prepare) {
  const browser = await Browser.open(server, size)
  try {
    await prepare(browser)
  } finally {
    await browser.close()
  }
}

const save = (page, name) => page.screenshot({ path: `${folder}${name}.png` }).then(() => console.log(`shots/${name}.png`))

/** All tiles of the strip but dark ones show a picture, and the map has drawn what it was given. */
async function settled(wall) {
  await until(90_000, async () => {
    const tiles = await wall.frames()
    return tiles.length === 6 && tiles.filter((tile) => tile.frames > 25).length >= 5
  }, 500)
  await wall.map.ready()
}

await mkdir(folder, { recursive: true })
const server = await Server.start()
try {
  // The strip stands still, so that each picture has the page with the dark camera on it: dead is visible.
  const wall = await server.api('GET', '/api/v1/walls/main')
  await server.api('PUT', '/api/v1/walls/main', { ...wall, dwell_s: 3600 })
  await until(240_000, async () => {
    const { cameras } = await server.api('GET', '/api/v1/cameras')
    return cameras.filter((camera) => camera.state === 'unknown').length === 0
  }, 500)

  for (const [name, size] of [['wall-1920x1080', { width: 1920, height: 1080 }], ['wall-3840x2160', { width: 3840, height: 2160 }]]) {
    await shoot(server, size, async (browser) => {
      const page = await WallPage.open(browser)
      await settled(page)
      await save(page.page, name)
    })
  }
  await shoot(server, undefined, async (browser) => {
    const page = await WallPage.open(browser, '&lang=en')
    await settled(page)
    await save(page.page, 'wall-en-1920x1080')
  })
  await shoot(server, undefined, async (browser) => {
    const desk = await deskOf(browser, 'operator')
    await desk.map.ready()
    for (let n = 0; n < 3; n += 1) await desk.page.keyboard.press('j')
    await desk.page.getByTestId('timeline').locator('li').first().waitFor()
    await desk.page.keyboard.press('v')
    await desk.page.waitForFunction(() => [...document.querySelectorAll('[data-testid="near"] [data-camera]')].some((tile) => tile.dataset.playing === 'true'), null, { timeout: 60_000 })
    await desk.map.ready()
    await save(desk.page, 'desk-case-1920x1080')

    await desk.page.keyboard.press('Escape')
    await desk.page.keyboard.press('n')
    await desk.page.fill('#report-class', '垃圾')
    await desk.page.keyboard.press('Enter')
    const { x, y, width, height } = await desk.map.box.boundingBox()
    await desk.page.mouse.click(x + width * 0.55, y + height * 0.45)
    await desk.page.getByTestId('report-grid').locator('b').waitFor()
    await desk.map.ready()
    await save(desk.page, 'desk-report-1920x1080')

    await desk.page.keyboard.press('Escape')
    await desk.page.getByTestId('theme').click()
    await desk.page.keyboard.press('j')
    await desk.page.getByTestId('timeline').locator('li').first().waitFor()
    await desk.page.keyboard.press('g')
    await desk.map.ready()
    await save(desk.page, 'desk-light-1920x1080')
  })
  await shoot(server, undefined, async (browser) => {
    const login = await LoginPage.open(browser)
    await save(login.page, 'login-1920x1080')
  })
} finally {
  await server.stop()
}
