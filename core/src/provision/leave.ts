/** What a service leaves behind in the lab, and taking that away with it. */
import { withoutEntry } from '../inventory/edit.ts'
import type { Target } from '../inventory/types.ts'
import { unifiedDiff } from '../inventory/unified-diff.ts'
import type { Given, Needed, Verbs } from '../operation/types.ts'
import { routesOf } from '../tunnel/wanted.ts'
import { type DatabaseSpec, dropDatabase, lookAtDatabase } from './database.ts'
import { type AddedSubids, configNow, removeSubids } from './host.ts'
import { subidsFor } from './idmap.ts'
import { removeMonitoring } from './monitoring.ts'
import { originOf } from './origin.ts'
import { again } from './work.ts'

type Services = Given<readonly ['lab', 'proxmox', 'shells', 'blueprints'], readonly ['file']>
type Steps = Services & Needed<readonly ['clock']>
type Place = { readonly vmid: number; readonly node: string; readonly name: string }

/** Plain JSON: it is kept with the run. */
export interface Leaving {
  readonly hostnames: readonly string[]
  /** Entries of homelab.yaml that are its own. */
  readonly paths: readonly (readonly string[])[]
  readonly database: {
    readonly spec: DatabaseSpec
    readonly service: string
    readonly guest: Place
  } | null
  /** Its database, when the server cannot be asked. */
  readonly unseen: string | null
  /** Plans by pg_dump that have its database. */
  readonly dumps: readonly string[]
  readonly watched: Place | null
  /** Lines of /etc/subuid and /etc/subgid of its node that its users need. */
  readonly subids: AddedSubids
  readonly warnings: readonly string[]
}

export async function leavingOf(target: Target, services: Services, signal: AbortSignal): Promise<Leaving> {
  const { lab } = services
  const { inventory } = lab
  const { name } = target
  const hostnames = routesOf(inventory.network, name).map(({ hostname }) => hostname)
  const { from, warnings } = await originOf(target, services, signal)
  const rows = await lab.services({ signal })
  const placeOf = (what: string) => {
    const found = rows.find(
      ({ target: at, name: known }) => at !== undefined && (at.service?.kind ?? known) === what,
    )
    const guest = found?.target?.guest
    return guest?.status === 'running' && guest.vmid !== target.guest.vmid
      ? { service: found?.name ?? what, guest: { vmid: guest.vmid, node: guest.node, name: guest.name } }
      : undefined
  }
  const spec = from?.blueprint.database
  const server = spec === undefined ? undefined : placeOf('postgresql')
  const seen =
    spec === undefined || server === undefined
      ? undefined
      : await lookAtDatabase(spec, services.shells.guest({ ...server.guest, type: 'lxc' }))
  const isThere = seen?.database === 'there'
  const database =
    spec !== undefined && server !== undefined && isThere ? { spec: { ...spec }, ...server } : null
  const others = inventory.services.filter((each) =>
    each.needs.some((need) => need.toLowerCase() === name.toLowerCase()),
  )
  return {
    hostnames,
    paths: [
      ...inventory.backups
        .filter((plan) => plan.method === 'vzdump' && plan.guests.length === 1 && plan.guests[0] === name)
        .map((plan) => ['backups', plan.name]),
      ...hostnames.map((hostname) => ['network', 'routes', hostname]),
      ...(inventory.services.some((each) => each.name === name) ? [['services', name]] : []),
    ],
    database,
    unseen: spec !== undefined && server === undefined ? spec.name : null,
    dumps:
      database === null
        ? []
        : inventory.backups
            .filter(
              (plan) =>
                plan.method === 'pg_dump' &&
                (plan.databases === undefined || plan.databases.includes(database.spec.name)),
            )
            .map((plan) => plan.name),
    subids: await subidsOf(target, services, signal),
    watched:
      inventory.monitoring.prometheus?.targets === undefined ? null : (placeOf('prometheus')?.guest ?? null),
    warnings: [
      ...warnings,
      ...others.map((each) => `${each.name} says that it needs ${name}: take that out of homelab.yaml.`),
      ...(spec !== undefined && server === undefined
        ? [
            `Whether it has a database ${spec.name} is not known: no PostgreSQL runs that could be asked. It stays.`,
          ]
        : []),
    ],
  }
}

async function subidsOf({ guest }: Target, { shells }: Services, signal: AbortSignal): Promise<AddedSubids> {
  if (guest.type !== 'lxc' || !shells.has(guest.node)) return {}
  const config = await configNow(guest, shells.host(guest.node), { signal })
  return subidsFor((config['lxc.idmap'] ?? '').split('\n'))
}

/** When the guest is gone: those that no other container has. */
export async function takeSubids(
  { node }: { readonly node: string },
  { subids }: Leaving,
  services: Steps,
  verbs: Verbs,
): Promise<void> {
  if (Object.values(subids).every((lines) => lines.length === 0)) return
  await again({ verbs, services }, 'numbers of users', async () => {
    await removeSubids(services.shells.host(node), subids)
    return null
  })
}

export async function takeWatch(
  name: string,
  leaving: Leaving,
  { lab, shells }: Services,
  verbs: Verbs,
): Promise<void> {
  const settings = lab.inventory.monitoring.prometheus
  if (leaving.watched === null || settings === undefined) return
  const shell = shells.guest({ ...leaving.watched, type: 'lxc' })
  await verbs.step('prometheus', async () => {
    await removeMonitoring(name, shell, settings)
    return null
  })
}

export interface TakenData {
  readonly dropped: readonly string[]
  readonly warnings: readonly string[]
}

/** A role that other things belong to stays, and is said. */
export async function takeData({ database }: Leaving, services: Steps, verbs: Verbs): Promise<TakenData> {
  if (database === null) return { dropped: [], warnings: [] }
  const shell = services.shells.guest({ ...database.guest, type: 'lxc' })
  verbs.report({ text: `Dropping the database ${database.spec.name}` })
  const why = await again({ verbs, services }, 'database', async () => {
    return (await dropDatabase(database.spec, shell, { any: true })).why ?? null
  })
  return {
    dropped: [`database ${database.spec.name}`],
    warnings: why === null ? [] : [`The role ${database.spec.role} stays: ${why}.`],
  }
}

/** @returns the diff; undefined where there is no file */
export async function takeLines(
  { paths }: Leaving,
  services: Steps,
  verbs: Verbs,
): Promise<string | undefined> {
  const { file } = services
  if (file === undefined) return undefined
  return await again({ verbs, services }, 'homelab.yaml', async () => {
    const { before, after } = await file.change((text) =>
      paths.reduce((shorter, path) => withoutEntry(shorter, path), text),
    )
    return unifiedDiff(before, after)
  })
}
