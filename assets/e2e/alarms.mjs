import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { browsing } from './harness/browser.mjs'
import { until } from './harness/server.mjs'
import { AlarmPanel, WallAlarms } from './pages/alarms.mjs'
import { deskOf } from './pages/login.mjs'
import { WallPage } from './pages/wall.mjs'

/** A sensor that speaks by the API. */
async function sensor(server, key, active, priority = 'medium', title = `传感器 ${key}`) {
  const { grids } = await server.api('GET', '/api/v1/grids')
  const location = grids.find((grid) => grid.level === 'grid').label
  const { alarm } = await server.api('POST', '/api/v1/alarms', { key, active, priority, title, location })
  return alarm
}

/** What other tests left standing is answered and over. */
async function calm(server) {
  const { alarms } = await server.api('GET', '/api/v1/alarms')
  for (const alarm of alarms) {
    if (alarm.source.kind === 'sensor') await server.api('POST', '/api/v1/alarms', { key: alarm.source.id, active: false })
    await server.api('POST', `/api/v1/alarms/${alarm.id}/moves`, { move: 'acknowledge' }).catch(() => undefined)
  }
}

export function alarms(world) {
  describe('the alarms', () => {
    it('come to the desk, are acknowledged by key, shelved with a reason, and leave their history', async () => {
      const { server } = world
      await calm(server)
      await browsing(server, async (browser) => {
        const desk = await deskOf(browser, 'operator')
        const panel = new AlarmPanel(desk.page)
        const low = await sensor(server, 'e1', true, 'low')
        const high = await sensor(server, 'e2', true, 'high', '配电室烟感')
        const medium = await sensor(server, 'e3', true)
        await desk.page.locator(`[data-testid="alarm-bar"][data-alarm="${high.id}"]`).waitFor()
        assert.match(await panel.bar.innerText(), /配电室烟感/)

        await panel.open()
        await panel.row(medium.id).waitFor()
        const order = await panel.order()
        const fresh = order.filter(([state]) => state === 'unacknowledged').map(([, priority]) => priority)
        const rank = ['high', 'medium', 'low']
        assert.deepEqual(fresh, [...fresh].sort((a, b) => rank.indexOf(a) - rank.indexOf(b)))

        // Nobody shelves a high alarm.
        await panel.pick(high.id)
        assert.equal(await panel.one.locator('[data-move="shelve"]').count(), 0)
        await desk.page.keyboard.press('a')
        await panel.state(high.id, 'acknowledged').waitFor()
        await until(5_000, async () => JSON.stringify(await panel.history()) === '["acknowledge","raise"]')

        await panel.pick(medium.id)
        await desk.page.keyboard.press('Enter')
        await desk.page.getByTestId('send-alarm').and(desk.page.locator(':disabled')).waitFor()
        await desk.page.fill('#alarm-reason', '传感器校验')
        await desk.page.getByText('8 小时', { exact: true }).click()
        await desk.page.getByTestId('send-alarm').click()
        await panel.state(medium.id, 'shelved').waitFor()
        await until(5_000, async () => (await panel.history())[0] === 'shelve')
        assert.match(await desk.page.getByTestId('alarm-history').innerText(), /传感器校验/)
        const { alarm } = await server.api('GET', `/api/v1/alarms/${medium.id}`)
        const hours = (Date.parse(alarm.shelved_until) - Date.now()) / 3_600_000
        assert.ok(hours > 7.9 && hours <= 8, `${hours} h`)
        // For ten seconds one key takes it back.
        await desk.page.keyboard.press('z')
        await panel.state(medium.id, 'unacknowledged').waitFor({ timeout: 10_000 })

        // It returns while nobody has answered it: it stays, hollow, until somebody does.
        await sensor(server, 'e1', false, 'low')
        await panel.state(low.id, 'returned').waitFor()
        await panel.pick(low.id)
        await desk.page.keyboard.press('a')
        await panel.row(low.id).waitFor({ state: 'detached' })
      })
    })

    it('stand on the wall, the pressing ones first, and one pops up until it is acknowledged', async () => {
      const { server } = world
      await calm(server)
      await browsing(server, async (browser) => {
        const wall = await WallPage.open(browser)
        const shown = new WallAlarms(wall.page)
        const high = await sensor(server, 'w1', true, 'high', '燃气泄漏报警')
        await shown.popup.getByText('燃气泄漏报警').waitFor()
        await shown.tile(high.id).waitFor()
        await server.api('POST', `/api/v1/alarms/${high.id}/moves`, { move: 'acknowledge' })
        await shown.popup.waitFor({ state: 'detached', timeout: 3_000 })
        await shown.tile(high.id).waitFor({ state: 'detached' })
      })
    })

    it('of a storm and of a sensor that flaps are one flood and one alarm: nothing is lost, and one pops up in ten seconds', async () => {
      const { server } = world
      await calm(server)
      await browsing(server, async (browser) => {
        const wall = await WallPage.open(browser)
        const shown = new WallAlarms(wall.page)
        await shown.watchPopups()
        const made = []
        for (let n = 0; n < 60; n += 1) made.push((await sensor(server, `s${n}`, true, n % 10 === 0 ? 'high' : 'low', `风暴 ${n}`)).id)
        const flapping = new Set()
        for (let n = 0; n < 60; n += 1) flapping.add((await sensor(server, 'flap', n % 2 === 0, 'medium', '抖动的传感器')).id)
        assert.equal(flapping.size, 1)
        await shown.flood.waitFor()
        assert.match(await shown.flood.innerText(), /报警泛滥/)
        assert.equal(await shown.tiles(), 4)

        const { alarms: standing, flood } = await server.api('GET', '/api/v1/alarms')
        const ids = new Set(standing.map((alarm) => alarm.id))
        assert.deepEqual(made.filter((id) => !ids.has(id)), [])
        assert.notEqual(flood, null)
        const one = standing.find((alarm) => alarm.id === [...flapping][0])
        assert.equal(one.count, 30)
        assert.equal(one.chattering, true)

        const popped = await until(30_000, async () => (await shown.popups()).length >= 2 && (await shown.popups()))
        assert.ok(popped[1].at - popped[0].at >= 9_900, `pop-ups ${popped[1].at - popped[0].at} ms apart`)
        const low = new Set(standing.filter((alarm) => alarm.priority === 'low').map((alarm) => alarm.id))
        assert.deepEqual(popped.filter((one) => low.has(one.id)), [])

        // The desk shows the flood and lists them all.
        await browsing(server, async (second) => {
          const desk = await deskOf(second, 'duty_leader')
          const panel = new AlarmPanel(desk.page)
          await panel.flood.waitFor()
          await panel.open()
          await until(10_000, async () => {
            const { alarms: listed } = await server.api('GET', '/api/v1/alarms')
            return listed.length >= made.length && Number(await desk.page.getByTestId('alarm-count').innerText()) === listed.length
          })
        })
      })
    })

    it('are judged on the self-check page against their targets', async () => {
      const { server } = world
      await browsing(server, async (browser) => {
        const desk = await deskOf(browser, 'operator')
        await desk.page.goto(`${server.url}/alarms`)
        await desk.page.locator('[data-figure="peak"][data-light="red"]').waitFor()
        const { activations, rules } = await server.api('GET', '/api/v1/alarms/check')
        assert.ok(activations >= 60, `${activations} activations`)
        await desk.page.locator(`[data-top="${rules[0].id}"]`).waitFor()
        await desk.page.getByTestId('spark').locator('rect.flood').first().waitFor({ state: 'attached' })
        await desk.page.getByTestId('menu').click()
        await desk.page.getByTestId('locale').click()
        await desk.page.getByRole('heading', { name: 'Alarm self-check' }).waitFor()
      })
    })

    it('tell of a screen that went dark, within ten seconds and its delay', async () => {
      const { server } = world
      await calm(server)
      await browsing(server, async (browser) => {
        await WallPage.open(browser, '&screen=e2e')
        await until(15_000, async () => {
          const { alarms: standing } = await server.api('GET', '/api/v1/alarms?source=screen')
          return standing.every((alarm) => alarm.source.id !== 'main/e2e' || !alarm.active)
        })
      })
      const dead = await until(20_000, async () => {
        const { alarms: standing } = await server.api('GET', '/api/v1/alarms?source=screen')
        return standing.find((alarm) => alarm.source.id === 'main/e2e' && alarm.active)
      }, 500)
      assert.equal(dead.rule, 'screen_dead')
    })
  })
}
