import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { args, executablePath } from './browser.mjs'
import { until } from './server.mjs'

/**
 * A browser as it stands behind a wall: nobody listens in on it. What watches a page has each of its messages and pictures
 * sent to it as text, and that costs more than the page itself; how fast the page paints, it tells the server. `page`
 * begins to listen: afterwards only.
 */
export class Kiosk {
  static async open(url, { width = 1920, height = 1080 } = {}) {
    const profile = await mkdtemp(join(tmpdir(), 'gridwall-kiosk-'))
    const own = [`--window-size=${width},${height}`, '--hide-scrollbars', '--remote-debugging-port=0', `--user-data-dir=${profile}`, url]
    return new Kiosk(spawn(executablePath, [...args, ...own], { stdio: 'ignore' }), profile)
  }

  constructor(process, profile) {
    this.process = process
    this.profile = profile
  }

  async page() {
    const port = await until(10_000, () => readFile(join(this.profile, 'DevToolsActivePort'), 'utf8').then((text) => text.split('\n')[0], () => undefined))
    this.browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`)
    return this.browser.contexts()[0].pages()[0]
  }

  async close() {
    await this.browser?.close()
    const gone = new Promise((resolve) => this.process.once('exit', resolve))
    if (this.process.exitCode === null && this.process.kill()) await gone
    await rm(this.profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 }) // its children write a moment longer
  }
}
