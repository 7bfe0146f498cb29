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
import { agentWarnings, assertAddressable, diskWarnings, type Machine, machineOf } from './machine.ts'
import { assertAddressFree, assertBridge, assertNotNodes, networkOf } from './network.ts'
import { assertReachable, nodeOf, sourceOf, vmTemplate } from './place.ts'
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
  const machine = await templateFor(blueprint, overview, wanted, services, signal)
  const room = roomFor(blueprint, overview, { node, storage, machine }, proxmox.provision)
  const templates = templatesOf(overview, node)
  // A VM needs nothing of root on its node: what can be seen there is looked at where there is SSH anyway.
  const root = machine === undefined || shells.has(node) ? shells.host(node) : undefined
  const host =
    machine !== undefined && wanted.bridge === undefined
      ? undefined
      : root &&
        (await lookAtHost(
          root,
          { paths: blueprint.mounts.flatMap(({ source }) => pathsTo(source)) },
          { signal },
        ))
  const { net, warnings } = networkOf(wanted, overview, services, machine)
  assertBridge(wanted.bridge ?? 'vmbr0', node, host)
  await assertNotNodes(wanted, services, signal)
  if (wanted.ip !== undefined && root !== undefined) await assertAddressFree(wanted.ip, root, signal)
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
    ...(machine === undefined ? {} : { machine }),
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
      ...(machine === undefined || blueprint.create.by !== 'vm'
        ? []
        : [
            ...diskWarnings(wanted, blueprint, machine),
            ...agentWarnings(wanted, blueprint.create.template, machine, exposure.hostname !== null),
          ]),
      ...(wanted.ip !== undefined && root === undefined
        ? [`There is no SSH access to ${node}: whether ${wanted.ip} is free is not known.`]
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

/** The VM template, when it is made by one. @throws HomelabError `usage` for an address that nobody could tell the VM */
async function templateFor(
  { create }: Blueprint,
  overview: Overview,
  wanted: Wanted,
  { proxmox }: ProvisionServices,
  signal: AbortSignal,
): Promise<Machine | undefined> {
  if (create.by !== 'vm') return undefined
  const machine = await machineOf(vmTemplate(create.template, overview), proxmox, signal)
  assertAddressable(wanted, create.template, machine)
  return machine
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
