import { after, before } from 'node:test'
import { cameras } from './cameras.mjs'
import { Server } from './harness/server.mjs'

/** The registry on a server of its own: it adds and removes cameras. */
const world = {}

before(async () => {
  world.server = await Server.start()
})
after(() => world.server?.stop())

cameras(world)
