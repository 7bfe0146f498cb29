/** The control port: faults, rights, counts and events for tests. Loopback only, and no part of the homelab. */
import type { Hono } from 'hono'
import { noFaults } from '../faults.ts'
import { controlApi } from '../process/control.ts'
import type { Gate } from '../pve/gate.ts'
import type { Endpoint } from '../pve/server.ts'
import type { Services } from '../services/services.ts'
import type { Sim } from '../sim.ts'
import type { Ssh } from '../ssh/server.ts'
import type { Traefik } from '../traefik/traefik.ts'
import { changeGuest, guestView } from './guests.ts'
import { traefikRoutes } from './traefik.ts'

export interface ControlParts {
  readonly sim: Sim
  readonly gate: Gate
  readonly services: Services
  readonly endpoints: readonly Endpoint[]
  readonly ssh: Ssh
  readonly traefik: Traefik | undefined
  /** What stands outside of Proxmox, with calls of its own. */
  readonly peers: readonly { control(api: Hono): void; reset(): void }[]
  /** A new certificate for every endpoint; resolves with the first one's fingerprint. */
  renewCertificates(): Promise<string>
}

/** Puts the faults into effect that are more than a value to look at. */
async function apply({ sim, services, endpoints, ssh, traefik }: ControlParts): Promise<void> {
  sim.clock.aheadMs = sim.faults.clockMs
  sim.lab.noteNodes()
  sim.insides.refresh()
  services.refresh()
  await Promise.all(endpoints.map((endpoint) => endpoint.setUp(sim.lab.online(endpoint.node))))
  await ssh.setUp((node) => sim.lab.online(node))
  await traefik?.refresh()
}

export function controlRoutes(parts: ControlParts): Hono {
  const { sim, gate } = parts
  const api = controlApi({ ...sim, applyFaults: () => apply(parts) })
  for (const peer of parts.peers) peer.control(api)
  api.post('/reset', async (context) => {
    Object.assign(sim.faults, noFaults())
    for (const peer of parts.peers) peer.reset()
    sim.nextcloud.maintenance = false
    sim.files.reset()
    sim.insides.reset()
    sim.access.reset()
    sim.journal.resetCounts()
    gate.release()
    await sim.tasks.stopAll()
    sim.lab.sendHome()
    sim.replication.jobs.clear()
    sim.ha.groups.clear()
    sim.ha.rules.clear()
    for (const guest of sim.lab.guests.values()) {
      guest.lock = undefined
      guest.ha = undefined
      guest.haOptions = {}
      guest.snapshots = []
      guest.parent = undefined
      guest.pending = undefined
      if (guest.state !== 'running' && !guest.template && sim.options.guests === 0)
        sim.lab.setState(guest, 'running')
    }
    await apply(parts)
    parts.traefik?.reset()
    return context.json({})
  })
  api.post('/release', (context) => context.json({ released: gate.release() }))
  api.get('/counts', (context) => context.json(sim.journal.counts))
  api.get('/state', (context) =>
    context.json({
      guests: [...sim.lab.guests.values()].map(guestView),
      services: Object.fromEntries(
        Object.keys(parts.services.addresses).map((name) => [name, parts.services.isUp(name)]),
      ),
      tasks: sim.tasks
        .recent()
        .map(({ upid, type, id, status }) => ({ upid, type, id, status: status ?? 'running' })),
      lastEvent: sim.journal.last,
    }),
  )
  api.post('/guests/:vmid', async (context) => {
    const guest = changeGuest(sim, Number(context.req.param('vmid')), await context.req.json())
    return context.json(guestView(guest))
  })
  api.get('/insides/:vmid', (context) =>
    context.json(sim.insides.of(Number(context.req.param('vmid'))) ?? null),
  )
  api.post('/insides/:vmid', async (context) =>
    context.json(sim.insides.change(Number(context.req.param('vmid')), await context.req.json())),
  )
  api.put('/acl', async (context) => {
    sim.access.setAcl(await context.req.json())
    return context.json(sim.access.acl)
  })
  api.post('/tokens', async (context) => {
    const { id, secret, privsep } = await context.req.json<{
      id: string
      secret: string
      privsep?: boolean
    }>()
    sim.access.setToken(id, secret, privsep ?? true)
    return context.json({ id })
  })
  api.post('/certificate', async (context) => context.json({ fingerprint: await parts.renewCertificates() }))
  api.post('/run', async (context) => context.json(await parts.ssh.run(await context.req.json())))
  if (parts.traefik !== undefined) api.route('/traefik', traefikRoutes(parts.traefik))
  return api
}
