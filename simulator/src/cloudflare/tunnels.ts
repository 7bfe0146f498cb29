import { Refusal, Rows } from './envelope.ts'
import { isObject, type Json, string } from './json.ts'
import { tokenOf } from './machine.ts'
import type { Asked, Cloud, Route } from './routes.ts'
import { checkConfig } from './tunnel-config.ts'
import type { Tunnel } from './world.ts'

const READ = 'Account · Cloudflare Tunnel · Read'
const EDIT = 'Account · Cloudflare Tunnel · Edit'
const BASE = '/accounts/:account/cfd_tunnel'

function view({ world, connectors }: Cloud, tunnel: Tunnel): Json {
  return {
    id: tunnel.id,
    account_tag: world.account,
    created_at: tunnel.createdAt,
    deleted_at: null,
    name: tunnel.name,
    connections: connectors.connectionsOf(tunnel),
    conns_active_at: null,
    conns_inactive_at: null,
    tun_type: 'cfd_tunnel',
    metadata: {},
    status: connectors.status(tunnel),
    remote_config: tunnel.source === 'cloudflare',
    config_src: tunnel.source,
  }
}

function named({ cloud, parts: [id = ''] }: Asked): Tunnel {
  const tunnel = cloud.world.tunnel(id)
  if (tunnel === undefined) throw new Refusal(404, 1003, 'Tunnel not found')
  return tunnel
}

const configuration = (tunnel: Tunnel): Json => ({
  tunnel_id: tunnel.id,
  version: tunnel.version,
  config: structuredClone(tunnel.config),
  source: tunnel.source,
  created_at: tunnel.configuredAt,
})

export const tunnels: readonly Route[] = [
  {
    verb: 'GET',
    path: BASE,
    permission: READ,
    run: ({ cloud }) =>
      new Rows(
        cloud.world.tunnels.map((tunnel) => view(cloud, tunnel)),
        1000,
        20,
      ),
  },
  { verb: 'GET', path: `${BASE}/:tunnel`, permission: READ, run: (asked) => view(asked.cloud, named(asked)) },
  {
    verb: 'PATCH',
    path: `${BASE}/:tunnel`,
    permission: EDIT,
    run(asked) {
      const tunnel = named(asked)
      const secret = asked.body.tunnel_secret
      if (secret !== undefined) {
        const bytes = Buffer.from(string(secret), 'base64')
        if (bytes.length < 32 || bytes.toString('base64') !== secret)
          throw new Refusal(400, 1005, 'The tunnel secret must be base64 of at least 32 bytes')
        // Who is connected now was admitted by the old one.
        asked.cloud.connectors.of(tunnel)
        tunnel.secret = string(secret)
      }
      return view(asked.cloud, tunnel)
    },
  },
  {
    verb: 'GET',
    path: `${BASE}/:tunnel/token`,
    permission: EDIT,
    run: (asked) => tokenOf(asked.cloud.world.account, named(asked)),
  },
  {
    verb: 'GET',
    path: `${BASE}/:tunnel/connections`,
    permission: READ,
    run: (asked) => asked.cloud.connectors.view(named(asked)),
  },
  {
    verb: 'DELETE',
    path: `${BASE}/:tunnel/connections`,
    permission: EDIT,
    run(asked) {
      asked.cloud.connectors.drop(named(asked), asked.query.get('client_id') ?? undefined)
      return {}
    },
  },
  {
    verb: 'GET',
    path: `${BASE}/:tunnel/configurations`,
    permission: READ,
    run(asked) {
      const tunnel = named(asked)
      const { writer } = asked.cloud
      writer.at('before', 'GET', tunnel)
      writer.noteRead(tunnel)
      const answer = configuration(tunnel)
      writer.at('after', 'GET', tunnel)
      return answer
    },
  },
  {
    verb: 'PUT',
    path: `${BASE}/:tunnel/configurations`,
    permission: EDIT,
    run(asked) {
      const tunnel = named(asked)
      const { writer } = asked.cloud
      const { config } = asked.body
      if (!isObject(config)) throw new Refusal(400, 1056, 'Bad Configuration: config is missing')
      checkConfig(config)
      writer.at('before', 'PUT', tunnel)
      writer.write(tunnel, config, 'api')
      const answer = configuration(tunnel)
      writer.at('after', 'PUT', tunnel)
      return answer
    },
  },
]
