import { after, before } from 'node:test'
import { Server } from './harness/server.mjs'
import { plain, screens } from './screens.mjs'

/** Walls on a server of their own: scenes change under every page. */
const world = {}

before(async () => {
  world.server = await Server.start()
  for (const id of ['a', 'b']) await world.server.api('PUT', `/api/v1/scenes/plain-${id}`, plain(id))
})
after(() => world.server?.stop())

screens(world)
