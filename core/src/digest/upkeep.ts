/** What nodes need from time to time: updates, and certificates that are not over. */
import type { Proxmox } from '../proxmox/types.ts'
import type { DigestOutput } from './types.ts'

/** A new one is only used after a restart of the node. */
const kernel = /^(?:proxmox|pve)-kernel-/

export async function updatesOf(
  proxmox: Pick<Proxmox, 'updates'>,
  node: string,
  signal: AbortSignal,
): Promise<NonNullable<DigestOutput['updates']>[number]> {
  const packages = (await proxmox.updates(node, signal)).map(({ name }) => name)
  return { node, packages, kernel: packages.some((name) => kernel.test(name)) }
}

/** Of the node itself: the authority of its cluster lasts for ten years. */
export async function certificatesOf(
  proxmox: Pick<Proxmox, 'certificates'>,
  node: string,
  signal: AbortSignal,
): Promise<NonNullable<DigestOutput['certificates']>> {
  const all = await proxmox.certificates(node, signal)
  return all.flatMap(({ file, notAfter }) =>
    notAfter === undefined || file === 'pve-root-ca.pem'
      ? []
      : [{ node, file, until: new Date(notAfter * 1000).toISOString() }],
  )
}
