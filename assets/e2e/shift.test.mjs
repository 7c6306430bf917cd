import { after, before } from 'node:test'
import { Browser } from './harness/browser.mjs'
import { Server } from './harness/server.mjs'
import { shift } from './shift.mjs'

/** One server and two browsers for all that an operator does; it drives the wall, so nobody else's tests share it. */
const world = {}
const size = { width: 1366, height: 768 }

before(async () => {
  world.server = await Server.start()
  world.desks = await Browser.open(world.server, size)
  world.walls = await Browser.open(world.server, size)
})
after(async () => {
  await world.desks?.close()
  await world.walls?.close()
  await world.server?.stop()
})

shift(world)
