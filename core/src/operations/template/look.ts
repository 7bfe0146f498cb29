/** What templates a node has, and what it could download. */
import { isHomelabError } from '../../errors.ts'
import type { Appliance, Template } from '../../proxmox/provision-types.ts'
import type { Overview, Proxmox } from '../../proxmox/types.ts'
import { storagesFor } from '../guest/places.ts'

export interface Templates {
  readonly here: readonly (Template & { readonly storage: string; readonly file: string })[]
  readonly available: readonly Appliance[]
  /** Storages that could not be looked at, and why. */
  readonly blind: readonly string[]
}

/** `local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst` → its file. */
export const fileOf = (volid: string): string => volid.split('/').at(-1) ?? volid

export const natural = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true })

/** The same in another version: `debian-12-standard`. */
export const kindOf = (file: string): string => file.split('_')[0] ?? file

export async function look(
  node: string,
  { overview, proxmox }: { readonly overview: Overview; readonly proxmox: Proxmox },
  signal: AbortSignal,
): Promise<Templates> {
  const blind: string[] = []
  const [available, ...lists] = await Promise.all([
    proxmox.provision.available(node, signal),
    ...storagesFor(overview, node, 'vztmpl').map(async (storage) => {
      try {
        const found = await proxmox.provision.templates({ node, storage }, signal)
        return found.map((each) => ({ ...each, storage, file: fileOf(each.volid) }))
      } catch (error) {
        signal.throwIfAborted()
        if (!isHomelabError(error)) throw error
        blind.push(`${storage}: ${error.message}`)
        return []
      }
    }),
  ])
  return { here: lists.flat().toSorted((a, b) => natural(a.file, b.file)), available, blind }
}
