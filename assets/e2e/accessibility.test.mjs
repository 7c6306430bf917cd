import { after, before } from 'node:test'
import { accessibility } from './accessibility.mjs'
import { Browser } from './harness/browser.mjs'
import { Server } from './harness/server.mjs'

const world = {}
const size = { width: 1920, height: 1080 }

before(async () => {
  world.server = await Server.start({ persons: true })
  world.desks = await Browser.open(world.server, size)
  world.walls = await Browser.open(world.server, size)
})
after(async () => {
  await world.desks?.close()
  await world.walls?.close()
  await world.server?.stop()
})

accessibility(world)
