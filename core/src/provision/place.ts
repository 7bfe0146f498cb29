/** Where a new service goes: which node, from which template, and whether commands can run there. */
import { HomelabError } from '../errors.ts'
import { nodeFor } from '../operations/guest/places.ts'
import { templateNamed } from '../operations/guest/templates.ts'
import type { Overview } from '../proxmox/types.ts'
import type { Blueprint } from './blueprint.ts'
import { freeMemory } from './room.ts'
import type { ProvisionServices } from './types.ts'
import type { Wanted } from './wanted.ts'

/** @throws HomelabError `not-found` for a node or a template that is not there, `conflict`, `usage` */
export function nodeOf(
  wanted: Wanted,
  blueprint: Blueprint,
  overview: Overview,
  services: ProvisionServices,
): string {
  const { create } = blueprint
  if (create.by !== 'vm')
    return wanted.node === undefined
      ? bestNode(overview, blueprint, services)
      : nodeFor(overview, wanted.node)
  // A clone begins where its template is.
  const { node } = vmTemplate(create.template, overview)
  if (wanted.node === undefined || nodeFor(overview, wanted.node) === node) return node
  throw new HomelabError(
    'conflict',
    `The template ${create.template} is on ${node}, not on ${wanted.node}.`,
    {
      hint: `Leave \`node\` out; afterwards \`guest migrate\` moves it.`,
    },
  )
}

/** @throws HomelabError `not-found` */
export function vmTemplate(template: string | number, { guests }: Overview): Overview['guests'][number] {
  const wanted = String(template).toLowerCase()
  const found = guests.find(
    (guest) =>
      guest.template &&
      guest.type === 'qemu' &&
      (guest.name.toLowerCase() === wanted || String(guest.vmid) === wanted),
  )
  if (found !== undefined) return found
  throw new HomelabError('not-found', `There is no VM template "${template}".`, {
    hint: '`guest list` shows those that there are.',
  })
}

/** Where its folders are; else where the most memory is free. */
function bestNode(
  overview: Overview,
  { mounts }: Blueprint,
  { lab, shells, proxmox }: ProvisionServices,
): string {
  const online = overview.nodes.filter(({ status }) => status === 'online')
  const homes = lab.inventory.storages.flatMap(({ path, node }) =>
    node !== undefined && path !== undefined && mounts.some(({ source }) => source.startsWith(path))
      ? [node]
      : [],
  )
  const [best] = online
    .filter(({ node }) => shells.has(node) && (homes.length === 0 || homes.includes(node)))
    .toSorted((a, b) => freeMemory(b, proxmox.provision) - freeMemory(a, proxmox.provision))
  return best?.node ?? nodeFor(overview, undefined)
}

/** @throws HomelabError `config` */
export function assertReachable(node: string, { create }: Blueprint, { shells }: ProvisionServices): void {
  if (create.by === 'vm' || shells.has(node)) return
  throw new HomelabError(
    'config',
    `There is no SSH access to ${node}: commands cannot run in containers there.`,
    {
      hint: `Add \`proxmox.ssh.${node}\` to homelab.yaml: a token may neither mount folders nor install anything.`,
      data: { node },
    },
  )
}

/** Volume id of a template, VMID of a VM template, or the name of a script. @throws HomelabError `not-found` */
export async function sourceOf(
  { create }: Blueprint,
  overview: Overview,
  node: string,
  { proxmox }: ProvisionServices,
  signal: AbortSignal,
): Promise<string> {
  if (create.by === 'script') return create.script
  if (create.by === 'template')
    return (await templateNamed(create.template, node, { overview, proxmox }, signal)).volid
  return String(vmTemplate(create.template, overview).vmid)
}
