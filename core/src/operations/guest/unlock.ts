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

/**
 * What a person does. All tasks are looked at, because that of a clone has the number of its source; and the storages, because
 * the configuration does not name yet what is on them.
 */
export const unlockHint = ({ type, vmid, node }: GuestRef): string => {
  const program = type === 'lxc' ? 'pct' : 'qm'
  return `When \`task list\` shows nothing that makes it, on ${node} as root: ${program} unlock ${vmid} && ${program} destroy ${vmid}; then, for each storage: pvesm list STORAGE --vmid ${vmid}`
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
