/** A Discord as a process: one JSON line on stdout when everything listens, then it runs until it is told to end. */
import { serveControl } from '../process/control.ts'
import type { Running } from '../process/run.ts'
import { runProcess } from '../process/run.ts'
import { controlRoutes } from './control/server.ts'
import type { Options } from './options.ts'
import { parseOptions, usage } from './options.ts'
import { createPeer } from './peer.ts'
import { serveRest } from './rest/server.ts'

async function start(options: Options): Promise<Running> {
  const peer = createPeer(options)
  const { world } = peer
  const rest = await serveRest(peer, options.port)
  world.origin = `http://127.0.0.1:${rest.port}`
  peer.gateway.url = `ws://127.0.0.1:${rest.port}`
  const control = await serveControl(controlRoutes(peer))
  const names = (list: Iterable<{ readonly id: string; readonly name: string }>): object =>
    Object.fromEntries([...list].map(({ name, id }) => [name, id]))
  const ready = {
    api: `${world.origin}/api`,
    gateway: peer.gateway.url,
    token: peer.token,
    application: world.application,
    guild: world.guild.id,
    channels: names(world.channels.values()),
    users: names(world.users.values()),
    roles: names(world.roles.values()),
    control: control.url,
    pid: process.pid,
  }
  return { ready, close: [rest.close, control.close] }
}

runProcess({ name: 'discord', usage, parseOptions, start })
