/** A Discord as a process: one JSON line on stdout when everything listens, then it runs until it is told to end. */
import { serveControl } from './control/server.ts'
import { parseOptions, usage } from './options.ts'
import { createPeer } from './peer.ts'
import { serveRest } from './rest/server.ts'

async function main(args: readonly string[]): Promise<void> {
  const options = parseOptions(args)
  const peer = createPeer(options)
  const { world } = peer
  const rest = await serveRest(peer, options.port)
  world.origin = `http://127.0.0.1:${rest.port}`
  peer.gateway.url = `ws://127.0.0.1:${rest.port}`
  const control = await serveControl(peer)
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

  let ending = false
  const end = (): void => {
    if (ending) return
    ending = true
    void Promise.allSettled([rest.close(), control.close()]).then(() => process.exit(0))
  }
  process.once('SIGTERM', end)
  process.once('SIGINT', end)
  if (options.withParent) {
    process.stdin.resume()
    process.stdin.once('end', end)
    process.stdin.once('error', end)
  }
  // Last, so that who reads it may end this process at once.
  process.stdout.write(`${JSON.stringify(ready)}\n`)
}

if (process.argv.includes('--help')) process.stdout.write(`${usage}\n`)
else {
  main(process.argv.slice(2)).catch((error: unknown) => {
    process.stderr.write(`discord: ${error instanceof Error ? error.message : String(error)}\n${usage}\n`)
    process.exit(2)
  })
}
