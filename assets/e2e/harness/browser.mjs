import assert from 'node:assert/strict'
import { mkdtemp, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

export const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'
export const args = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu-compositing', // without it a full screen costs five times the processor
  '--use-gl=angle',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--autoplay-policy=no-user-gesture-required',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Words of the graphics driver about the software renderer, not about the page. */
const driver = /GL Driver Message/

/**
 * One browser with a profile of its own. Everything that goes wrong on its pages is kept: errors on the console, exceptions,
 * failed requests, requests to another host. `check` fails with the list; `expect` names what a test brings about on purpose.
 */
export class Browser {
  troubles = []
  #expected = []

  static async open(server, { width = 1920, height = 1080 } = {}) {
    const profile = await mkdtemp(join(tmpdir(), 'gridwall-chromium-'))
    const context = await chromium.launchPersistentContext(profile, {
      executablePath,
      args,
      viewport: { width, height },
      locale: 'zh-CN',
      timezoneId: 'Asia/Shanghai',
      ignoreDefaultArgs: ['--enable-automation'],
    })
    return new Browser(server, context, profile)
  }

  constructor(server, context, profile) {
    this.server = server
    this.context = context
    this.profile = profile
    const host = new URL(server.url).host
    context.on('page', (page) => this.#watch(page, host))
  }

  #watch(page, host) {
    const note = (text) => this.troubles.push(text)
    page.on('console', (message) => {
      if (message.type() === 'error' && !driver.test(message.text())) note(`console: ${message.text()} ${message.location().url}`)
    })
    page.on('pageerror', (error) => note(`exception: ${error.stack}`))
    page.on('requestfailed', (request) => {
      // Leaving a page cuts what is under way; that is not a failure of anything.
      if (request.failure()?.errorText !== 'net::ERR_ABORTED') note(`failed: ${request.method()} ${request.url()} ${request.failure()?.errorText}`)
    })
    page.on('request', (request) => {
      const url = new URL(request.url())
      if (/^(http|ws)/.test(url.protocol) && url.host !== host) note(`foreign host: ${request.url()}`)
    })
    page.on('websocket', (socket) => {
      if (new URL(socket.url()).host !== host) note(`foreign host: ${socket.url()}`)
    })
  }

  /** The trouble that this test brings about on purpose. */
  expect(pattern) {
    this.#expected.push(pattern)
  }

  check() {
    const unexpected = this.troubles.filter((text) => !this.#expected.some((pattern) => pattern.test(text)))
    assert.equal([...new Set(unexpected)].join('\n'), '')
  }

  page() {
    return this.context.newPage()
  }

  /** As when somebody pulls the plug: no page says goodbye. The lock of the profile names the process. */
  async kill() {
    const gone = new Promise((resolve) => this.context.once('close', resolve))
    const pid = Number((await readlink(join(this.profile, 'SingletonLock'))).split('-').at(-1))
    process.kill(pid, 'SIGKILL')
    await gone
  }

  /** Forgets who is signed in, what went wrong and what was expected; the browser's first, empty page keeps it open. */
  async clear() {
    for (const page of this.context.pages().slice(1)) await page.close()
    await this.context.clearCookies()
    this.troubles = []
    this.#expected = []
  }

  async close() {
    await this.context.close()
    await rm(this.profile, { recursive: true, force: true })
  }
}

/** Opens a browser for the length of `use`, and fails when anything went wrong on its pages. */
export async function browsing(server, use, size) {
  const browser = await Browser.open(server, size)
  try {
    await use(browser)
    browser.check()
  } finally {
    await browser.close()
  }
}

/** Opens pages in a browser that stays open for the next, and fails when anything went wrong on them. */
export async function visiting(browser, use) {
  try {
    await use(browser)
    browser.check()
  } finally {
    await browser.clear()
  }
}
