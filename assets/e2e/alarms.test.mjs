import { after, before } from 'node:test'
import { alarms } from './alarms.mjs'
import { Server } from './harness/server.mjs'

/** The alarms alone, on a server of their own: their storm is nobody else's weather. */
const world = {}

before(async () => {
  world.server = await Server.start()
})
after(() => world.server?.stop())

alarms(world)
