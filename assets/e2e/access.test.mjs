import { after, before } from 'node:test'
import { access } from './access.mjs'
import { Server } from './harness/server.mjs'

/** On a server of its own: it lets screens in and puts them out. */
const world = {}

before(async () => {
  world.server = await Server.start()
})
after(() => world.server?.stop())

access(world)
