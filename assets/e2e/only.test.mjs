import { after, before } from 'node:test'
import { Server } from './harness/server.mjs'
import { storms } from './storm.mjs'
const world = {}
before(async () => { world.server = await Server.start() })
after(() => world.server?.stop())
storms(world)
