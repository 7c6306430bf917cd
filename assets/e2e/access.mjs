import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { describe, it } from 'node:test'
import { browsing } from './harness/browser.mjs'
import { deskOf, LoginPage } from './pages/login.mjs'

const waitMs = 60_000
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** What an authenticator shows now (RFC 6238), or some steps of 30 s from now. */
function authenticator(secret, steps = 0) {
  const bits = [...secret.replaceAll(' ', '')].map((letter) => letters.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps))
  const sum = createHmac('sha1', key).update(counter).digest()
  return String((sum.readUInt32BE(sum[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

export function access(world) {
  describe('coming in', () => {
    it('a new screen shows a code, somebody types it in elsewhere, and the wall appears by itself', async () => {
      const { server } = world
      await browsing(server, async (hall) => {
        const screen = await hall.page()
        await screen.goto(`${server.url}/wall/main`)
        await screen.getByTestId('to-screen').click()
        const code = await screen.getByTestId('screen-code').innerText()
        assert.match(code, /^[A-Z]{4}-[A-Z]{4}$/)
        await browsing(server, async (office) => {
          const { page } = await deskOf(office, 'admin')
          await page.goto(`${server.url}/enrol`)
          await page.getByTestId('enrol-code').fill(code.toLowerCase().replace('-', ' '))
          await page.keyboard.press('Enter')
          await page.getByTestId('enrol-form').waitFor()
          await page.getByTestId('enrol-name').fill('hall-1')
          await page.getByTestId('admit').click()
          await screen.waitForURL(/\/wall\/main\?screen=1$/, { timeout: waitMs })
          await screen.getByTestId('wall').waitFor({ timeout: waitMs })
          const row = page.getByTestId('device').filter({ hasText: 'hall-1' })
          await row.waitFor({ timeout: waitMs })
          hall.expect(/401|WebSocket/)
          await row.getByRole('button').click()
          await row.waitFor({ state: 'detached' })
        })
        const after = await hall.page()
        await after.goto(`${server.url}/wall/main`)
        await after.locator('#username').waitFor()
      })
    })

    it('a second factor is set up, asked for, and switched off by a recovery code; other sessions are ended', async () => {
      const { server } = world
      const leader = server.account('duty_leader')
      await browsing(server, async (browser) => {
        browser.expect(/401/)
        const { page } = await deskOf(browser, 'duty_leader')
        await page.getByTestId('menu').click()
        await page.locator('[data-page="/account"]').click()
        const factor = page.getByTestId('factor')
        await factor.locator('input[type=password]').fill(leader.password)
        await factor.locator('button[type=submit]').click()
        const secret = await page.getByTestId('secret').innerText()
        await factor.locator('input').fill(authenticator(secret, -1))
        await factor.locator('button[type=submit]').click()
        await page.getByTestId('recovery').locator('li').first().waitFor()
        const recovery = await page.getByTestId('recovery').locator('li').allInnerTexts()
        assert.equal(recovery.length, 10)

        await browsing(server, async (other) => {
          other.expect(/401/)
          const login = await LoginPage.open(other)
          await login.submit(leader.username, leader.password)
          await login.page.locator('#code').fill('000000')
          await login.page.locator('button[type=submit]').click()
          await login.trouble.waitFor()
          await login.page.locator('#code').fill(authenticator(secret))
          await login.page.locator('button[type=submit]').click()
          await login.page.getByTestId('desk').waitFor({ timeout: waitMs })

          await page.reload()
          await page.getByTestId('session').nth(1).waitFor()
          await page.getByTestId('end-others').click()
          await page.getByTestId('session').nth(1).waitFor({ state: 'detached' })
          await login.page.goto(`${server.url}/account`)
          await login.page.locator('#username').waitFor({ timeout: waitMs })
        })

        await page.getByTestId('factor-remove').click()
        await factor.locator('input[type=password]').fill(leader.password)
        await factor.locator('input').nth(1).fill(recovery[0])
        await factor.locator('button[type=submit]').click()
        await page.getByTestId('factor-remove').waitFor({ state: 'detached' })
      })
    })
  })
}
