/** The network card of a new guest, and whether its address is somebody else's. */
import { HomelabError, isHomelabError } from '../errors.ts'
import type { Shell } from '../ports.ts'
import { option } from '../proxmox/guest-config.ts'
import type { Overview } from '../proxmox/types.ts'
import type { HostSeen } from './look.ts'
import type { Machine } from './machine.ts'
import { lastWords } from './pct.ts'
import type { ProvisionServices } from './types.ts'
import type { Wanted } from './wanted.ts'

/** @throws HomelabError `conflict` for an address of homelab.yaml */
export function networkOf(
  { ip, gateway, bridge }: Wanted,
  overview: Overview,
  { lab }: ProvisionServices,
  machine?: Machine,
): { readonly net: string; readonly warnings: readonly string[] } {
  const address = ip?.split('/')[0]
  const other = lab.inventory.services.find((each) => address !== undefined && each.address === address)
  if (other !== undefined) throw takenError(address ?? '', `of ${other.name} in homelab.yaml`)
  // Without an address of its own a VM keeps what its template is told, unless that is one address for all of them.
  const told = machine === undefined || machine.fixed ? 'dhcp' : undefined
  const parts = [
    ...(machine === undefined ? ['name=eth0'] : []),
    `bridge=${bridge ?? (machine?.bridge || 'vmbr0')}`,
    ...[ip ?? told].flatMap((address) => (address === undefined ? [] : [`ip=${address}`])),
    ...(gateway === undefined ? [] : [`gw=${gateway}`]),
  ]
  const isStatic = ip !== undefined
  return {
    net: parts.join(','),
    warnings:
      isStatic && gateway === undefined
        ? ['It has an address without a gateway: it reaches its own network only.']
        : overview.filtered
          ? ['The token does not see every guest: whether the name is free everywhere is not known.']
          : [],
  }
}

const takenError = (address: string, whose: string): HomelabError =>
  new HomelabError('conflict', `${address} is the address ${whose}.`, {
    hint: 'Give another `ip`, or leave it out for DHCP.',
    data: { address },
  })

/**
 * Each service has an address of its own, so that its port is taken only where the address is: a node's has Proxmox on 8006, SSH,
 * and whatever else runs there. A token that may not see the nodes goes without this look.
 * @throws HomelabError `conflict`
 */
export async function assertNotNodes(
  { ip, gateway }: Wanted,
  { proxmox }: Pick<ProvisionServices, 'proxmox'>,
  signal: AbortSignal,
): Promise<void> {
  const address = ip?.split('/')[0]
  if (address === undefined) return
  if (address === gateway) throw takenError(address, 'of its own gateway')
  const nodes = await proxmox.cluster.status(signal).then(
    (status) => status.nodes,
    (error: unknown) => {
      if (isHomelabError(error) && error.code === 'unauthorised') return []
      throw error
    },
  )
  const node = nodes.find((each) => each.ip === address || each.links.includes(address))
  if (node !== undefined) throw takenError(address, `of the node ${node.node}`)
}

/** Cards, addresses by cloud-init, and where another section begins. */
const LINES = '^(net|ipconfig)[0-9]+:|^\\['

/**
 * Looks into the configurations of all guests of the cluster, which each node has: also of those that are stopped, and so
 * do not answer. @param shell of a node
 * @throws HomelabError `conflict` when a guest has it, `failed`, and those of the shell
 */
export async function assertAddressFree(ip: string, shell: Shell, signal: AbortSignal): Promise<void> {
  const wanted = ip.split('/')[0] ?? ip
  // Not the files that pmxcfs and Proxmox make and rename there all the time.
  const argv = ['grep', '-rsE', '--include=*.conf', '-e', LINES, '/etc/pve/nodes']
  const look = () => shell.exec(argv, { signal, timeoutMs: 30_000, maxOutputBytes: 8 * 2 ** 20 })
  let result = await look()
  // A guest may have gone while it was looked at.
  if (result.code === 2) result = await look()
  // 1: nothing was found.
  if ((result.code !== 0 && result.code !== 1) || result.truncated)
    throw new HomelabError('failed', `It could not be seen which addresses are in use: ${lastWords(result)}`)
  const past = new Set<string>()
  for (const line of result.stdout.split('\n')) {
    const [, path, kind, vmid, text] =
      /^(\/etc\/pve\/nodes\/[^/]+\/(lxc|qemu-server)\/(\d+)\.conf):(.*)$/.exec(line) ?? []
    if (path === undefined || text === undefined) continue
    // Those of a snapshot are of another time; what waits for the next start will be taken, and what cloud-init has is.
    if (/^\[(PENDING|pve:pending|special:cloudinit)\]/.test(text)) past.delete(path)
    else if (text.startsWith('[')) past.add(path)
    if (past.has(path) || option(text.replace(/^\w+:\s*/, ''), 'ip')?.split('/')[0] !== wanted) continue
    throw takenError(wanted, `of ${kind === 'lxc' ? 'CT' : 'VM'} ${vmid} by its configuration`)
  }
}

/** @throws HomelabError `not-found` */
export function assertBridge(bridge: string, node: string, host: HostSeen | undefined): void {
  if (host === undefined || host.bridges.length === 0 || host.bridges.includes(bridge)) return
  throw new HomelabError('not-found', `${node} has no bridge ${bridge}.`, {
    hint: `There are ${host.bridges.join(', ')}. Say \`bridge:\`.`,
    data: { bridge, bridges: [...host.bridges] },
  })
}
