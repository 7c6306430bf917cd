import { after, before } from 'node:test'
import { catalogue } from './catalogue.mjs'
import { codecs } from './codecs.mjs'
import { desk } from './desk.mjs'
import { evaluation } from './evaluation.mjs'
import { gridEditing } from './grids.mjs'
import { foreign } from './foreign.mjs'
import { ptz } from './ptz.mjs'
import { recovery } from './recovery.mjs'
import { relays } from './relay.mjs'
import { Server } from './harness/server.mjs'
import { sc1 } from './sc1.mjs'
import { foreignWhep } from './whep.mjs'
import { wall } from './wall.mjs'

/** One server for all: making a demo world takes longer than most of the tests. Recovery comes last, it kills it. */
const world = {}

before(async () => {
  world.server = await Server.start()
})
after(() => world.server?.stop())

wall(world)
desk(world)
sc1(world)
evaluation(world)
catalogue(world)
gridEditing(world)
foreign(world)
ptz(world)
foreignWhep(world)
codecs(world)
relays(world)
recovery(world)
