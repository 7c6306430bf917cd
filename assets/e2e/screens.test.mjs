import { after, before } from 'node:test'
import { budget } from './budget.mjs'
import { editor } from './editor.mjs'
import { Browser } from './harness/browser.mjs'
import { Server } from './harness/server.mjs'
import { numbers, plain, screens } from './screens.mjs'

/** Walls on a server of their own: scenes change under every page. Small pages, drawn without a graphics card, and two browsers for all tests. */
const world = {}
const size = { width: 1280, height: 720 }

before(async () => {
  world.server = await Server.start()
  for (const id of ['a', 'b']) await world.server.api('PUT', `/api/v1/scenes/plain-${id}`, plain(id))
  await world.server.api('PUT', '/api/v1/scenes/plain-numbers', numbers)
  world.desks = await Browser.open(world.server, size)
  world.walls = await Browser.open(world.server, size)
})
after(async () => {
  await world.desks?.close()
  await world.walls?.close()
  await world.server?.stop()
})

screens(world)
editor(world)
budget(world)
