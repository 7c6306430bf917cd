import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { browsing } from './harness/browser.mjs'
import { until } from './harness/server.mjs'
import { deskOf } from './pages/login.mjs'

const digits = 9
const key = ([lon, lat]) => `${lon.toFixed(digits)},${lat.toFixed(digits)}`
const corners = (feature) => feature.geometry.coordinates.flat(2).map(key)

/** A corner that two grids of one community have, and nobody above or beside them. */
async function sharedCorner(server) {
  const { features } = await server.api('GET', '/ogc/collections/grids/items?limit=1000')
  const owners = new Map()
  for (const feature of features) for (const corner of new Set(corners(feature))) owners.set(corner, [...(owners.get(corner) ?? []), feature])
  const fits = [...owners].filter(([, of]) => of.length >= 2 && of.every(({ properties }) => properties.level === 'grid' && properties.parent === of[0].properties.parent))
  const [corner, cells] = fits[Math.floor(fits.length / 2)]
  const [lon, lat] = corner.split(',').map(Number)
  return { at: { lon, lat }, cells }
}

/** Grids on the desk: what cameras see of them; and the one who may, moves their borders, and the town follows. */
export function gridEditing(world) {
  describe('grids', () => {
    it('tells what cameras see of a grid by day, and less of it at night', async () => {
      const { server } = world
      const { features } = await server.api('GET', '/ogc/collections/grids/items?limit=1000')
      const cell = features.filter(({ properties }) => properties.level === 'grid')[2]
      const up = ['online', 'connecting', 'live', 'late']
      await until(60_000, async () => (await server.api('GET', '/api/v1/cameras')).cameras.filter(({ state }) => up.includes(state)).length > 200)
      await browsing(server, async (browser) => {
        const desk = await deskOf(browser, 'operator')
        await desk.map.ready()
        await desk.page.keyboard.press('/')
        await desk.page.getByTestId('search').fill(cell.properties.name)
        await desk.page.getByTestId('results').locator('[data-type="grid"]').first().click()
        const sight = desk.page.getByTestId('grid-sight')
        await sight.getByRole('button').click()
        const shares = () => Promise.all(['ground', 'streets', 'fronts'].map(async (of) => parseFloat(await sight.getByTestId(`seen-${of}`).innerText())))
        await sight.locator('[data-time="day"][aria-pressed="true"]').waitFor()
        const day = await shares()
        await sight.locator('[data-time="night"]').click()
        await sight.locator('[data-time="night"][aria-pressed="true"]').waitFor()
        const night = await shares()
        day.forEach((share, n) => assert.ok(share > night[n], `${share} % by day, ${night[n]} % at night`))
      })
    })

    it('proposes the grids of a community along its streets, without a gap, and discards them', async () => {
      const { server } = world
      const { grids } = await server.api('GET', '/api/v1/grids')
      const cell = grids.filter(({ level }) => level === 'grid')[2]
      await browsing(server, async (browser) => {
        const desk = await deskOf(browser, 'admin')
        await desk.map.ready()
        await desk.page.keyboard.press('/')
        await desk.page.getByTestId('search').fill(cell.name)
        await desk.page.getByTestId('results').locator('[data-type="grid"]').first().click()
        await desk.page.getByTestId('edit-borders').click()
        const editor = desk.page.locator('[data-testid="grid-editor"][data-busy="false"][data-faults="0"]')
        await editor.waitFor()
        await desk.page.getByTestId('design').click()
        await desk.page.getByTestId('propose').click()
        const { cells } = await server.api('GET', `/api/v1/grids/${cell.parent}/design?least=200&most=500`)
        await desk.page.locator(`[data-testid="grid-design"][data-cells="${cells.length}"]`).waitFor()
        await until(30_000, () => desk.page.getByTestId('save-grids').isEnabled())
        const text = await editor.innerText()
        for (const { name, within } of cells) {
          assert.ok(text.includes(name), `no ${name} in the list`)
          assert.ok(within, `${name} has too few or too many households`)
        }
        await desk.page.getByTestId('discard').click()
        await editor.waitFor()
        assert.equal(await desk.page.getByTestId('save-grids').isEnabled(), false)
      })
      assert.deepEqual((await server.api('GET', '/api/v1/grids')).grids, grids)
    })

    it('moves a shared border, is told of a border that crosses itself, undoes it, and saves what is clean', async () => {
      const { server } = world
      const { at, cells } = await sharedCorner(server)
      const [first] = cells
      await browsing(server, async (browser) => {
        const desk = await deskOf(browser, 'admin')
        await desk.map.ready()
        await desk.page.keyboard.press('/')
        await desk.page.getByTestId('search').fill(first.properties.name)
        await desk.page.getByTestId('results').locator('[data-type="grid"]').first().click()
        await desk.page.locator('[data-testid="grid"]').waitFor()
        await desk.page.getByTestId('edit-borders').click()
        const editor = desk.page.getByTestId('grid-editor')
        await desk.page.locator('[data-testid="grid-editor"][data-busy="false"]').waitFor()
        const drag = async (to) => {
          const [from, goal] = [await desk.map.at(at), await desk.map.at(to)]
          await desk.page.mouse.move(from.x, from.y)
          await desk.page.mouse.down()
          await desk.page.mouse.move((from.x + goal.x) / 2, (from.y + goal.y) / 2, { steps: 6 })
          await desk.page.mouse.move(goal.x, goal.y, { steps: 6 })
          await desk.page.mouse.up()
        }
        // Over the middle and out on the other side: the border crosses itself.
        const [w, s, e, n] = (await server.api('GET', '/api/v1/grids')).grids.find(({ code }) => code === first.id).bbox
        await drag({ lon: (w + e) / 2, lat: at.lat < (s + n) / 2 ? n + 0.08 * (n - s) : s - 0.08 * (n - s) })
        await desk.page.locator('[data-testid="grid-editor"][data-busy="false"]:not([data-faults="0"])').waitFor()
        assert.equal(await desk.page.getByTestId('save-grids').isEnabled(), false)
        await desk.page.getByTestId('undo').click()
        await desk.page.locator('[data-testid="grid-editor"][data-busy="false"][data-faults="0"]').waitFor()

        await drag({ lon: at.lon + 0.00012, lat: at.lat + 0.00008 })
        await until(30_000, () => desk.page.getByTestId('save-grids').isEnabled())
        for (const cell of cells) assert.match(await editor.innerText(), new RegExp(cell.id))
        await desk.page.getByTestId('save-grids').click()
        await editor.waitFor({ state: 'detached' })

        const { features } = await until(30_000, async () => {
          const answer = await server.api('GET', '/ogc/collections/grids/items?limit=1000')
          return answer.features.every((feature) => !corners(feature).includes(key([at.lon, at.lat]))) && answer
        })
        const now = cells.map((cell) => features.find(({ id }) => id === cell.id))
        const fresh = now.map((cell, n) => corners(cell).filter((corner) => !corners(cells[n]).includes(corner)))
        assert.equal(new Set(fresh.flat()).size, 1, 'all neighbours have the one new corner')
        for (const mine of fresh) assert.notEqual(mine.length, 0)
        assert.deepEqual((await server.api('GET', '/api/v1/grids/coverage?min_m2=0.01')).features, [])
        const { versions } = await server.api('GET', '/api/v1/grids/versions')
        assert.equal(versions[0].number, versions.length)
      })
    })
  })
}
