/** What a provisioning will do, in words: every step, what it costs, and whose rights each part needs. */
import type { Plan } from '../operation/types.ts'
import { bytes } from '../operation/view.ts'
import { isAsked, unaskedWords } from './asking.ts'
import { featuresFor } from './features.ts'
import { findProvision } from './find.ts'
import type { Found, ProvisionServices } from './types.ts'
import type { Wanted } from './wanted.ts'

const MIB = 2 ** 20
const GIB = 2 ** 30

export async function planProvision(
  wanted: Wanted,
  services: ProvisionServices,
  signal: AbortSignal,
): Promise<Plan> {
  const found = await findProvision(wanted, services, signal)
  const { name, from, node, storage, vmid, hostname } = found
  const { blueprint } = from
  return {
    summary: `Make ${blueprint.title} as ${name}${vmid === null ? '' : ` (${vmid})`} on ${node}${hostname === null ? '' : `, at ${hostname}`}`,
    steps: stepsOf(found, services),
    affects: [],
    warnings: [...found.warnings, ...unaskedWords(found, services.health)],
    locks: [
      `service/${name}`,
      ...(vmid === null ? [] : [`guest/${vmid}`]),
      ...(hostname === null ? [] : [`hostname/${hostname}`]),
      ...(wanted.ip === undefined ? [] : [`address/${wanted.ip.split('/')[0]}`]),
    ],
    confirm: true,
    // Not the room: that moves all the time, and is looked at again.
    state: JSON.parse(
      JSON.stringify({
        ...{ name, node, storage, source: found.source, vmid, hostname, net: found.net },
        ...{ blueprint, absent: found.absent, devices: found.devices, database: found.database },
      }),
    ),
  }
}

export const createWords = ({ from, source, storage, net, room }: Found): string => {
  const { create, cores, memory, disk } = from.blueprint
  const root = bytes(room.disk ?? disk * GIB)
  const size = `${cores} ${cores === 1 ? 'core' : 'cores'}, ${bytes(memory * MIB)} of memory, ${root} on ${storage}`
  const network = net.replace('name=eth0,', '').replaceAll(',', ', ')
  if (create.by === 'script')
    return `Create a container by the community script ct/${source}.sh: ${size}, ${network} (root on the node)`
  if (create.by === 'vm')
    return `Clone the VM template ${create.template}${String(create.template) === source ? '' : ` (${source})`}: ${size}, ${network} (API token)`
  return `Create a container from ${source.split('/').at(-1)}: ${size}, ${network} (API token)`
}

function stepsOf(found: Found, { file, health }: ProvisionServices): readonly string[] {
  const { from, node, storage, room, absent, devices, database, hostname, saved, plan, watched, name } = found
  const { blueprint } = from
  const { mounts, install, unit } = blueprint
  const mountWords = mounts.map(
    ({ source, target, readonly, owner }) =>
      `${source} at ${target}${readonly ? ', read-only' : ''}${owner === undefined ? '' : `, for user ${owner.uid}`}`,
  )
  const { ssh: features } = featuresFor(blueprint)
  return [
    createWords(found),
    `There is room: ${bytes(room.memoryFree)} of memory are free on ${node}, ${bytes(room.diskFree)} on ${storage}`,
    ...(absent.length === 0 ? [] : [`Make ${absent.join(', ')} (root on ${node})`]),
    ...(mounts.length === 0 ? [] : [`Mount ${mountWords.join('; ')} (root on ${node})`]),
    ...(devices.length === 0
      ? []
      : [`Give it ${devices.map(({ path }) => path).join(', ')} (root on ${node})`]),
    ...(features === undefined ? [] : [`Set its features ${features} (root on ${node})`]),
    ...(database === null
      ? []
      : [
          `Make the database ${blueprint.database?.name} with a role and a password of its own on ${database.service} (postgres in CT ${database.guest.vmid})`,
        ]),
    ...(install.length === 0 ? [] : [`Install it: ${install.length} steps (root in the container)`]),
    // Nobody enters a VM: what runs in it is its template's.
    ...(unit === undefined || blueprint.create.by === 'vm'
      ? []
      : [`Enable and start ${unit} (root in the container)`]),
    ...(isAsked(found, health) ? [`Wait until it answers, at most ${blueprint.start} s`] : []),
    ...(hostname === null
      ? []
      : [
          `Expose it at ${hostname} ${blueprint.expose?.public === true ? 'to everyone: ' : 'behind a login: Access, '}Traefik, tunnel, DNS (token of Cloudflare)`,
        ]),
    ...(watched === null ? [] : [`Tell Prometheus of it (root in CT ${watched.guest.vmid})`]),
    ...(file === undefined
      ? ['homelab.yaml is not written: there is no file here']
      : [
          `Write ${name}${hostname === null ? '' : ', its route'}${plan === null ? '' : ' and its backup plan'} into homelab.yaml`,
        ]),
    saved.length === 0 && plan === null
      ? 'No plan saves it'
      : `Saved: ${[...saved, ...(plan === null ? [] : ['its guest by a plan of its own'])].join('; ')}`,
    'If a step fails, all of it is taken back in reverse',
  ]
}
