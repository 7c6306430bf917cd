import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const binary = process.env.GRIDWALL_BIN ?? fileURLToPath(new URL('../../../bin/gridwall', import.meta.url))
/** A first start makes a database cluster and plays a day; a busy machine needs its time. */
const startMs = 240_000

/**
 * The real server with the demo world, on a port and in a folder of its own. It can be killed like a power cut kills it, and
 * started again on the same address with the same data.
 */
export class Server {
  #child
  #log = ''

  static async start({ still = true, persons = false } = {}) {
    const dir = await mkdtemp(join(tmpdir(), 'gridwall-e2e-'))
    await chmod(dir, 0o755) // the database runs as a user of its own, which must get in
    const server = new Server(dir, still, persons)
    await server.#run('127.0.0.1:0')
    return server
  }

  constructor(dir, still, persons) {
    this.dir = dir
    this.still = still
    this.persons = persons
  }

  async #run(address) {
    const file = join(this.dir, 'demo.json')
    this.#log = ''
    const env = { ...process.env, GRIDWALL_ADDR: address, GRIDWALL_DATA_DIR: this.dir }
    delete env.DATABASE_URL
    if (this.still) env.GRIDWALL_DEMO_STILL = '1'
    env.GRIDWALL_PERSON_RECORDS = String(this.persons)
    this.#child = spawn(binary, ['demo'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on('data', (part) => (this.#log = (this.#log + part).slice(-20_000)))
    }
    let ended = false
    this.#child.once('exit', () => (ended = true))
    this.#child.once('error', () => (ended = true))
    this.world = await until(startMs, async () => {
      if (ended) throw new Error(`${binary} demo ended before it served:\n${this.#log}`)
      return this.#log.includes('for scripts:') && JSON.parse(await readFile(file, 'utf8'))
    })
  }

  get url() {
    return this.world.url
  }

  get pid() {
    return this.#child.pid
  }

  get log() {
    return this.#log
  }

  account(role) {
    const found = this.world.accounts.find((account) => account.role === role)
    if (found === undefined) throw new Error(`the demo has no account of role ${role}`)
    return found
  }

  /** Asks the API with the demo's token; throws on every answer that is not 2xx. */
  async api(method, path, body) {
    const response = await fetch(this.url + path, {
      method,
      headers: { Authorization: `Bearer ${this.world.token}`, 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }

  report(title, location, priority = 'normal') {
    return this.api('POST', '/api/v1/cases', { flow: 'incident', title, location, priority })
  }

  /** Ids of all open cases as the server lists them. */
  async openCases() {
    const { cases } = await this.api('GET', '/api/v1/cases?open=true&limit=5000')
    return cases.map((file) => file.id).sort((a, b) => a - b)
  }

  /** As a power cut: no goodbye to anybody. */
  async kill() {
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }

  /** On the same address, with the same data. */
  async restart() {
    await this.#run(new URL(this.url).host)
  }

  async stop() {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = once(this.#child, 'exit')
      this.#child.kill('SIGTERM')
      await gone
    }
    await rm(this.dir, { recursive: true, force: true })
  }
}

/** Waits for a condition: asks until the answer is neither undefined nor false, throws after `ms`. */
export async function until(ms, ask, everyMs = 50) {
  const end = Date.now() + ms
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${ask}`)
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}
