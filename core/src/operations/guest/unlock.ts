/** Taking the lock off a guest that was left half made: no token may, only root on its node. */
import { HomelabError } from '../../errors.ts'
import type { Shell } from '../../ports.ts'
import type { GuestRef } from '../../proxmox/types.ts'

interface Nodes {
  has(node: string): boolean
  host(node: string): Shell
}

/** For `make`; nothing where nobody here is root of the node. */
export const unlocking = (
  nodes: Nodes | undefined,
  node: string,
): { readonly unlock?: (guest: GuestRef) => Promise<void> } =>
  nodes?.has(node) === true ? { unlock: (guest) => unlock(guest, nodes.host(guest.node)) } : {}

/** `qm unlock 110 && qm destroy 110`: what a person types. */
export const unlockHint = ({ type, vmid, node }: GuestRef): string => {
  const program = type === 'lxc' ? 'pct' : 'qm'
  return `On ${node} as root: ${program} unlock ${vmid} && ${program} destroy ${vmid}`
}

async function unlock(guest: GuestRef, shell: Shell): Promise<void> {
  const { type, vmid, node } = guest
  const argv = [type === 'lxc' ? 'pct' : 'qm', 'unlock', String(vmid)]
  const { code, stderr } = await shell.exec(argv, { timeoutMs: 60_000 })
  if (code === 0) return
  const said = stderr.trim().split('\n').at(-1) || `it ended with ${code ?? 'a signal'}`
  throw new HomelabError(
    'failed',
    `${type === 'lxc' ? 'CT' : 'VM'} ${vmid} could not be unlocked on ${node}: ${said}`,
    { hint: unlockHint(guest) },
  )
}
