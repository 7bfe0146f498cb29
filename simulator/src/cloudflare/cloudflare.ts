/** A Cloudflare: its API, and the edge that the internet sees. */
import type { Hono } from 'hono'
import type { Services } from '../services/services.ts'
import type { Sim } from '../sim.ts'
import type { LabFiles } from '../ssh/files.ts'
import { Quota } from './auth.ts'
import { Connectors } from './connectors.ts'
import { cloudflareControl } from './control.ts'
import { type Address, serveEdge } from './edge.ts'
import type { Cloud } from './routes.ts'
import { serveCloudflare } from './server.ts'
import { World } from './world.ts'
import { Writer } from './writer.ts'

export interface CloudflarePeer {
  /** For who starts it: addresses, ids and the API token. */
  readonly ready: Readonly<Record<string, unknown>>
  /** `192.168.1.101:80` → where it really listens, before the services of the lab are looked through. */
  readonly origins: Map<string, Address>
  /** Those of the container that cloudflared runs in. */
  readonly files: readonly LabFiles[]
  control(api: Hono): void
  reset(): void
  close(): Promise<void>
}

export async function startCloudflare(sim: Sim, services: Services): Promise<CloudflarePeer> {
  const world = new World(sim)
  const cloud: Cloud = { world, connectors: new Connectors(sim, world), writer: new Writer(world) }
  const quota = new Quota(sim)
  const origins = new Map<string, Address>()

  function originOf(host: string, port: number): Address | undefined {
    const own = origins.get(`${host}:${port}`)
    if (own !== undefined) return own
    if (host === '127.0.0.1' || host === 'localhost') return { host: '127.0.0.1', port }
    const guest = [...sim.lab.guests.values()].find(({ ip }) => ip === host)
    const service = sim.lab.services.find((each) => each.vmid === guest?.vmid && each.port === port)
    return service && services.addresses[service.name]
  }

  const api = await serveCloudflare(sim, cloud, quota)
  const edge = await serveEdge(cloud, originOf)
  const [tunnel] = world.tunnels
  const [zone] = world.zones
  const [token] = world.tokens
  return {
    ready: {
      api: api.url,
      edge: edge.url,
      token: token?.value,
      account: world.account,
      tunnel: tunnel?.id,
      zone: zone?.id,
      domain: world.domain,
      team: world.team,
    },
    origins,
    files: cloud.connectors.machine?.files ?? [],
    control: (control) => cloudflareControl(control, cloud, quota),
    reset() {
      world.reset()
      cloud.connectors.reset()
      cloud.writer.reset()
      quota.reset()
    },
    close: async () => {
      await Promise.all([api.close(), edge.close()])
      cloud.connectors.machine?.close()
    },
  }
}
