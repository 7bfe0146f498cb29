/** How the lab is before a service is made in it, and whether it can be. Only reads. */
import { HomelabError } from '../errors.ts'
import type { Target } from '../inventory/types.ts'
import { storageFor, storagesFor } from '../operations/guest/places.ts'
import type { Overview } from '../proxmox/types.ts'
import type { Blueprint } from './blueprint.ts'
import { databasePlace } from './database-place.ts'
import { exposureFor } from './exposure.ts'
import { pathsTo } from './folders.ts'
import { lookAtHost } from './look.ts'
import { assertAddressFree, assertBridge, networkOf } from './network.ts'
import { assertReachable, nodeOf, sourceOf } from './place.ts'
import { roomFor } from './room.ts'
import { planFor, savedBy } from './saved.ts'
import type { Found, ProvisionServices } from './types.ts'
import { asked, blueprintNamed, entryFor, freeName, type Wanted } from './wanted.ts'
import { devicesFor, foldersOf } from './wanted-host.ts'
import { watchedBy } from './watched.ts'
import { linesFor, withLines } from './write.ts'

/**
 * @throws HomelabError `not-found` for what is missing, `conflict` for what is taken or has no room, `config` for what
 * homelab.yaml has to say first
 */
export async function findProvision(
  wanted: Wanted,
  services: ProvisionServices,
  signal: AbortSignal,
): Promise<Found> {
  const { lab, proxmox, shells, blueprints } = services
  const from = await blueprintNamed(wanted.blueprint, blueprints)
  const blueprint = asked(from, wanted)
  const name = (wanted.name ?? from.name).toLowerCase()
  await freeName(name, wanted.vmid, lab, signal)
  const overview = await lab.overview({ signal })
  const node = nodeOf(wanted, blueprint, overview, services)
  if (wanted.vmid !== undefined && !(await proxmox.isFree(wanted.vmid, signal)))
    throw new HomelabError('conflict', `The VMID ${wanted.vmid} is taken.`, {
      hint: 'Leave `vmid` out for the next free one.',
      data: { vmid: wanted.vmid },
    })
  assertReachable(node, blueprint, services)
  const known = lab.inventory.storages.flatMap(({ storage }) => storage ?? [])
  const content = blueprint.create.by === 'vm' ? 'images' : 'rootdir'
  const storage = storageFor(overview, node, content, wanted.storage, known)
  const source = await sourceOf(blueprint, overview, node, services, signal)
  const room = roomFor(blueprint, overview, { node, storage, source }, proxmox.provision)
  const templates = templatesOf(overview, node)
  const host =
    blueprint.create.by === 'vm'
      ? undefined
      : await lookAtHost(
          shells.host(node),
          { paths: blueprint.mounts.flatMap(({ source }) => pathsTo(source)) },
          { signal },
        )
  const { net, warnings } = networkOf(wanted, overview, services)
  assertBridge(wanted.bridge, node, host)
  if (wanted.ip !== undefined) await assertAddressFree(wanted.ip, shells.host(node), signal)
  const absent = foldersOf(blueprint, host, node)
  const devices = await devicesFor(blueprint, node, services, signal)
  const database = await databasePlace(blueprint, services, signal, wanted.ip?.split('/')[0])
  const target = targetOf(name, 0, { ...from, blueprint }, node)
  const exposure = await exposureFor(target, blueprint, services, signal)
  const { guest: saved, words: plans } = savedBy(name, blueprint, lab.inventory)
  const found: Found = {
    name,
    from: { ...from, blueprint },
    node,
    storage,
    source,
    ...(templates === undefined ? {} : { templates }),
    vmid: wanted.vmid ?? null,
    net,
    devices,
    absent,
    database: database.place,
    hostname: exposure.hostname,
    saved: plans,
    plan: saved ? null : planFor(name, blueprint, lab.inventory),
    watched: await watchedBy(blueprint, services, signal),
    room,
    warnings: [
      ...(blueprint.about === undefined ? [] : [blueprint.about]),
      ...(blueprint.create.by === 'script'
        ? [
            'A community helper script runs as root on the node, in the version of this moment: it cannot be pinned.',
          ]
        : []),
      ...(blueprint.create.by === 'script' && blueprint.create.asks !== undefined
        ? [`The script asks questions ${blueprint.create.asks}; then it ends, and nothing is left.`]
        : []),
      ...(blueprint.create.by === 'script'
        ? blueprint.create.answers.map(
            ({ question, answer }) => `When the script asks "${question}" it is answered "${answer}".`,
          )
        : []),
      ...(blueprint.create.by === 'vm' && wanted.disk !== undefined
        ? ["A clone has its template's disk: `disk` is not used. Afterwards `guest resize` makes it larger."]
        : []),
      ...(blueprint.unprivileged ? [] : ['It is privileged: its root is root on the node.']),
      ...(await missingNeeds(blueprint, services, signal)),
      ...warnings,
      ...database.warnings,
      ...exposure.warnings,
      ...unsaved(blueprint, plans, saved, lab.inventory.backups.length > 0),
    ],
  }
  // Its lines come last: that they would make the file wrong must be known before anything is made.
  const number = wanted.vmid ?? Math.max(100, ...overview.guests.map(({ vmid }) => vmid)) + 1
  await services.file?.check((text) => withLines(text, linesFor(found, number)))
  return found
}

/** `local` is the one that every node has. */
function templatesOf(overview: Pick<Overview, 'storages'>, node: string): string | undefined {
  const all = storagesFor(overview, node, 'vztmpl')
  return all.includes('local') ? 'local' : all[0]
}

/** The service before homelab.yaml has it: what checks and routes are made from. */
export const targetOf = (
  name: string,
  vmid: number,
  from: Found['from'],
  node: string,
  address?: string,
): Target => ({
  name,
  guest: {
    ...{ vmid, name, node, type: from.blueprint.create.by === 'vm' ? 'qemu' : 'lxc' },
    ...{ status: 'running', template: false, tags: [], uptime: 0 },
    ...{ cpu: 0, maxcpu: 0, mem: 0, maxmem: 0, disk: 0, maxdisk: 0 },
  },
  service: { ...entryFor(name, vmid, from), ...(address === undefined ? {} : { address }) },
  dependents: [],
})

async function missingNeeds(
  { needs, title }: Blueprint,
  { lab }: ProvisionServices,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const rows = await lab.services({ signal })
  return needs.flatMap((need) => {
    const row = rows.find((each) => each.name.toLowerCase() === need.toLowerCase())
    if (row?.target === undefined)
      return [`${title} needs ${need}, which is not there: \`provision ${need}\`.`]
    return row.target.guest.status === 'running'
      ? []
      : [`${title} needs ${need}, which is ${row.target.guest.status}.`]
  })
}

function unsaved(
  { mounts, backup }: Blueprint,
  plans: readonly string[],
  saved: boolean,
  any: boolean,
): readonly string[] {
  return [
    ...(!saved && backup && !any ? ['No plan saves anything here: `backups` of homelab.yaml is empty.'] : []),
    ...(mounts.length > 0 && plans.length === 0
      ? [`What is in ${mounts.map(({ source }) => source).join(', ')} is in no archive of the guest.`]
      : []),
  ]
}
