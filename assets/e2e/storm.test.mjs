import { after, before } from 'node:test'
import { Server } from './harness/server.mjs'
import { storms } from './storm.mjs'

/** A storm on a server of its own; it wants a machine of its own, too. */
const world = {}

before(async () => {
  world.server = await Server.start()
})
after(() => world.server?.stop())

storms(world)
