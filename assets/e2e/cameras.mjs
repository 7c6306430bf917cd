import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { browsing } from './harness/browser.mjs'
import { until } from './harness/server.mjs'
import { CamerasPage } from './pages/cameras.mjs'

const waitMs = 60_000

export function cameras(world) {
  describe('the registry of cameras', () => {
    it('lists what is dark and why, is narrowed by pinyin, and a keyboard is enough', async () => {
      const { server } = world
      await browsing(server, async (browser) => {
        const registry = await CamerasPage.open(browser)
        const { page } = registry
        const { cameras } = await server.api('GET', '/api/v1/cameras')
        await page.waitForFunction((n) => document.querySelector('[data-testid="count"]').textContent.includes(`${n} / ${n}`), cameras.length, { timeout: waitMs })
        await page.keyboard.press('/')
        await page.keyboard.type('ylc')
        await until(waitMs, async () => {
          const names = await registry.rows().locator('td:nth-child(3) p:first-child').allInnerTexts()
          return names.length > 0 && names.length < cameras.length
        })
        const shown = await registry.rows().count()
        await registry.rows().first().focus()
        await page.keyboard.press('ArrowDown')
        await page.keyboard.press('Space')
        await page.getByTestId('bulk').waitFor()
        assert.match(await page.getByTestId('bulk').innerText(), /1/)
        await page.keyboard.press('Enter')
        await registry.form.waitFor()
        await page.keyboard.press('Escape')
        await registry.form.waitFor({ state: 'detached' })
        assert.equal(await registry.rows().count(), shown)
      })
    })

    it('takes a list after a dry run, says which lines are wrong, and shows no password', async () => {
      const { server } = world
      await browsing(server, async (browser) => {
        const registry = await CamerasPage.open(browser)
        const { page } = registry
        const [, at] = [0, (await server.api('GET', '/api/v1/map')).center]
        const good = (id, name) => `${id},${name},${at[0]},${at[1]},新区,治安,rtsp://admin:Geheim-9@127.0.0.1:9/x`
        const head = '设备编码,设备名称,经度,纬度,分组,用途,取流地址'
        await registry.list([head, good('NEW-1', '新点一'), `NEW-2,新点二,,${at[1]},新区,治安,rtsp://admin:Geheim-9@127.0.0.1:9/x`].join('\n'))
        await page.getByTestId('import-go').click()
        await page.locator('[data-testid="report"][data-refused="1"]').waitFor({ timeout: waitMs })
        assert.match(await registry.report.innerText(), /第 3 行/)
        await page.getByTestId('close-import').click()
        await registry.list([head, good('NEW-1', '新点一'), good('NEW-2', '新点二')].join('\n'))
        await page.getByTestId('dry-run').click()
        await page.locator('[data-testid="report"][data-dry="true"][data-written="2"]').waitFor({ timeout: waitMs })
        assert.equal(await registry.row('NEW-1').count(), 0)
        await page.getByTestId('import-go').click()
        await page.locator('[data-testid="report"][data-dry="false"][data-written="2"]').waitFor({ timeout: waitMs })
        await page.getByTestId('close-import').click()
        await registry.row('NEW-1').click()
        assert.equal(await registry.field('url').inputValue(), 'rtsp://127.0.0.1:9/x')
        await registry.tab('changes').click()
        await page.getByTestId('changes').locator('[data-field=""]').waitFor()
        assert.ok(!(await page.content()).includes('Geheim-9'))
      })
    })

    it('turns a camera by dragging, keeps who did it, and groups and removes many at once', async () => {
      const { server } = world
      await browsing(server, async (browser) => {
        const registry = await CamerasPage.open(browser)
        const { page } = registry
        await registry.row('NEW-1').click()
        await page.locator('[data-testid="registry-map"][data-ready="true"]').waitFor({ timeout: waitMs })
        await registry.drag('aim', 60, 60)
        const bearing = Number(await registry.field('bearing').inputValue())
        assert.ok(bearing > 20 && bearing < 180, `bearing ${bearing}`)
        await registry.field('camera-password').fill('Anders-7')
        await registry.save()
        await registry.tab('changes').click()
        await page.getByTestId('changes').locator('[data-field="bearing_deg"]').waitFor({ timeout: waitMs })
        assert.equal(await page.getByTestId('changes').locator('[data-field="credentials"]').count(), 1)
        const kept = await server.api('GET', '/api/v1/cameras/NEW-1')
        assert.equal(kept.bearing, bearing)

        await page.fill('[name="q"]', 'NEW-')
        await until(waitMs, async () => (await registry.rows().count()) === 2)
        await page.getByTestId('tick-all').check()
        await page.locator('[data-action="group"]').click()
        await page.fill('[name="bulk-group"]', '东片')
        await page.keyboard.press('Enter')
        await registry.row('NEW-2').getByText('东片').waitFor()
        await page.locator('[data-action="disable"]').click()
        await registry.row('NEW-2').getByText('停用').waitFor()
        await page.locator('[data-action="remove"]').click()
        await page.getByTestId('bulk').getByRole('button', { name: '删除' }).click()
        await registry.row('NEW-1').waitFor({ state: 'detached' })
      })
    })

    it('tests a camera and says what it found in words', async () => {
      const { server } = world
      await browsing(server, async (browser) => {
        const registry = await CamerasPage.open(browser)
        const { page } = registry
        // The first sweep of the cameras starts a minute after the server.
        const good = await until(240_000, async () => {
          const { cameras } = await server.api('GET', '/api/v1/cameras')
          return cameras.find((camera) => ['online', 'live'].includes(camera.state))
        }, 500)
        await registry.row(good.id).click()
        await registry.tab('test').click()
        await page.getByTestId('run-test').click()
        await page.getByTestId('finding').waitFor({ timeout: waitMs })
        const text = await page.getByTestId('finding').innerText()
        assert.match(text, /H\.264，\d+×\d+，[\d.]+ 帧\/秒/)
        assert.match(text, /一个关键帧/)
      })
    })

    it('says how a head is mounted and where it may not look, taking the edges from where it looks', async () => {
      const { server } = world
      const { cameras } = await server.api('GET', '/api/v1/cameras')
      const { id } = cameras.find((camera) => camera.ptz)
      const before = await server.api('GET', `/api/v1/cameras/${id}/ptz/mount`)
      await browsing(server, async (browser) => {
        const registry = await CamerasPage.open(browser)
        const { page } = registry
        const fixed = cameras.find((camera) => !camera.ptz)
        await page.fill('[name="q"]', fixed.id)
        await registry.row(fixed.id).click()
        assert.equal(await registry.tab('mount').count(), 0, 'a camera that does not turn has no head')
        await page.fill('[name="q"]', id)
        await registry.row(id).click()
        await registry.tab('mount').click()
        await page.getByTestId('needle').waitFor({ timeout: waitMs })
        await page.getByTestId('add-sector').click()
        const sector = page.getByTestId('sector').last()
        await sector.locator('[name="sector-name"]').fill('后院')
        const looks = Math.round((await server.api('GET', `/api/v1/cameras/${id}/ptz`)).at.bearing_deg) % 360
        await sector.locator('[name="to_deg"]').fill(String((looks + 40) % 360))
        await sector.locator('[data-here="from_deg"]').click()
        assert.equal(Number(await sector.locator('[name="from_deg"]').inputValue()), looks)
        await sector.locator('[name="low_deg"]').fill('30')
        await sector.locator('[name="high_deg"]').fill('10')
        browser.expect(/422/) // from low to high: said in words, and nothing is lost
        await page.getByTestId('save-mount').click()
        await page.getByTestId('mount').getByRole('alert').getByText('俯仰由低到高').waitFor()
        await sector.locator('[name="low_deg"]').fill('-60')
        await page.getByTestId('save-mount').click()
        await page.getByTestId('mount').getByText('已保存').waitFor()
        const after = await server.api('GET', `/api/v1/cameras/${id}/ptz/mount`)
        assert.deepEqual(after, { ...before, no_look: [...before.no_look, { name: '后院', from_deg: looks, to_deg: (looks + 40) % 360, low_deg: -60, high_deg: 10 }] })
        await registry.tab('changes').click()
        await page.locator('[data-testid="changes"] [data-field="mount_no_look"]').getByText('后院').waitFor()
      })
      await server.api('PUT', `/api/v1/cameras/${id}/ptz/mount`, before)
    })

    it('finds a device on the network, and how it is played, without anybody typing an address', async () => {
      const { server } = world
      await browsing(server, async (browser) => {
        const registry = await CamerasPage.open(browser)
        const { page } = registry
        await page.getByTestId('add').click()
        await registry.field('id').fill('FOUND-1')
        await page.getByTestId('devices').locator('summary').click()
        await page.fill('[name="at"]', '127.0.0.1')
        await page.getByTestId('discover').click()
        await page.getByTestId('device').first().click({ timeout: waitMs })
        await page.fill('[name="device-user"]', 'gridwall')
        await page.fill('[name="device-password"]', 'falsch')
        browser.expect(/422/) // the camera's words, not a fault
        await page.getByTestId('ask').click()
        await page.getByTestId('devices').getByRole('alert').getByText('用户名或密码').waitFor({ timeout: waitMs })
        await page.fill('[name="device-password"]', 'demo')
        await page.getByTestId('ask').click()
        await page.getByTestId('take').click({ timeout: waitMs })
        assert.match(await registry.field('url').inputValue(), /^rtsp:\/\//)
        assert.equal(await registry.field('id').inputValue(), 'FOUND-1', 'what was typed stays')
        assert.ok(await registry.field('ptz').isChecked())
        await registry.save()
        const finding = await server.api('POST', '/api/v1/cameras/FOUND-1/test', {})
        assert.equal(finding.codec, 'H.264', JSON.stringify(finding))
        await server.api('DELETE', '/api/v1/cameras/FOUND-1')
      })
    })
  })
}
