/** What tests do at Cloudflare behind everybody's back: below `/cloudflare` of the control port. */
import type { Hono } from 'hono'
import { bodyOf } from '../process/control.ts'
import type { Quota } from './auth.ts'
import { isObject, type Json, string } from './json.ts'
import type { Cloud } from './routes.ts'
import { ALL } from './world.ts'

function zoneNamed({ world }: Cloud, name: unknown) {
  const zone = world.zones.find((each) => each.name === (name ?? world.domain))
  if (zone === undefined) throw new Error(`there is no zone ${String(name)}`)
  return zone
}

function stateOf({ world, connectors, writer }: Cloud): Json {
  return {
    account: world.account,
    team: world.team ?? null,
    zones: world.zones.map(({ id, name, account, records }) => ({
      id,
      name,
      account,
      records: [...records.values()],
    })),
    tunnels: world.tunnels.map((tunnel) => ({
      id: tunnel.id,
      name: tunnel.name,
      version: tunnel.version,
      config: tunnel.config,
      status: connectors.status(tunnel),
      connectors: connectors.of(tunnel).map(({ id }) => id),
    })),
    apps: world.apps.map(({ body }) => body),
    writes: writer.writes,
  }
}

export function cloudflareControl(api: Hono, cloud: Cloud, quota: Quota): void {
  const { world, connectors, writer } = cloud
  api.get('/cloudflare', (context) => context.json(stateOf(cloud)))
  api.post('/cloudflare/reset', (context) => {
    world.reset()
    connectors.reset()
    writer.reset()
    quota.reset()
    return context.json(stateOf(cloud))
  })
  /** `permissions` (default all), `zones` (names), `kind` (`user`, `account`), `status`; answers with its value. */
  api.post('/cloudflare/tokens', async (context) => {
    const { permissions = ALL, zones, kind = 'user', status = 'active' } = await bodyOf(context.req)
    const { value } = world.addToken({
      permissions: permissions as string[],
      zones: zones as string[] | undefined,
      kind: kind === 'account' ? 'account' : 'user',
      status: status === 'active' ? 'active' : status === 'expired' ? 'expired' : 'disabled',
    })
    return context.json({ value })
  })
  api.post('/cloudflare/zones', async (context) => {
    const { name, account } = await bodyOf(context.req)
    const zone = world.addZone(string(name), string(account) || world.account)
    return context.json({ id: zone.id, name: zone.name })
  })
  /**
   * `name`, `type`, `content`, `proxied`, `comment`, and `zone` by its name; `remove: true` takes every one of the name away.
   * `count` makes so many, `r0.` and so on before the name.
   */
  api.post('/cloudflare/records', async (context) => {
    const body = await bodyOf(context.req)
    const zone = zoneNamed(cloud, body.zone)
    const name = string(body.name)
    const add = (each: string) =>
      world.addRecord(zone, {
        name: each,
        type: string(body.type) || 'CNAME',
        content: string(body.content),
        proxied: body.proxied !== false,
        comment: body.comment === undefined ? null : string(body.comment),
      })
    if (body.count !== undefined) {
      for (let n = 0; n < Number(body.count); n += 1) add(`r${n}.${name}`)
      return context.json({})
    }
    if (body.remove === true) {
      for (const record of [...zone.records.values()])
        if (record.name === name) zone.records.delete(record.id)
      return context.json({})
    }
    return context.json({ ...add(name) })
  })
  /** As the API takes one; `remove` takes away that of a domain. `count` makes so many, `r0.` and so on before the domain. */
  api.post('/cloudflare/apps', async (context) => {
    const body = await bodyOf(context.req)
    if (typeof body.remove === 'string') {
      world.apps = world.apps.filter((app) => app.body.domain !== body.remove)
      return context.json({})
    }
    if (body.count !== undefined) {
      for (let n = 0; n < Number(body.count); n += 1) {
        const domain = `r${n}.${string(body.domain)}`
        world.addApp({ type: 'self_hosted', ...body, name: `homelab: ${domain}`, domain })
      }
      return context.json({})
    }
    return context.json(world.addApp({ type: 'self_hosted', ...body }).body)
  })
  /** `name`, and `source: local` for one whose rules are in a file. */
  api.post('/cloudflare/tunnels', async (context) => {
    const { name, source, config } = await bodyOf(context.req)
    const tunnel = world.addTunnel(
      string(name),
      isObject(config) ? config : null,
      source === 'local' ? 'local' : 'cloudflare',
    )
    return context.json({ id: tunnel.id })
  })
  /** `config` replaces the rules of the lab's tunnel without a word; `source: local` moves them into a file of its container. */
  api.post('/cloudflare/tunnel', async (context) => {
    const { config, source } = await bodyOf(context.req)
    const [tunnel] = world.tunnels
    if (tunnel === undefined) throw new Error('there is no tunnel')
    if (isObject(config)) writer.write(tunnel, config, 'writer', tunnel.version)
    if (source === 'local' || source === 'cloudflare') connectors.manage(source)
    return context.json({ version: tunnel.version })
  })
  /** `team: null`: Zero Trust was never opened. */
  api.post('/cloudflare/access', async (context) => {
    const { team } = await bodyOf(context.req)
    world.team = typeof team === 'string' ? team : undefined
    return context.json({})
  })
  /** `count` of programs that run, `restart: true`. */
  api.post('/cloudflare/connectors', async (context) => {
    const { count, restart } = await bodyOf(context.req)
    if (count !== undefined) connectors.want(Number(count))
    if (restart === true) connectors.restart()
    return context.json({
      connectors: world.tunnels.slice(0, 1).flatMap((tunnel) => connectors.view(tunnel)),
    })
  })
  api.post('/cloudflare/writer', async (context) => {
    writer.plant(await bodyOf(context.req))
    return context.json({})
  })
}
