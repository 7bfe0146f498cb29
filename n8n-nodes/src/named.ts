/** Which guests a text names. */
import type { Parameter } from './sent.ts'

/** VMIDs with commas or spaces between them. @returns the first word that is none, when there is one */
export function vmidsOf(list: string): ReadonlySet<number> | { readonly wrong: string } {
  const words = list.split(/[\s,;]+/).filter((word) => word !== '')
  const wrong = words.find((word) => !/^[1-9]\d{2,8}$/.test(word))
  return wrong === undefined ? new Set(words.map(Number)) : { wrong }
}

/** In tasks, archives and volumes: `UPID:…:vzstart:110:…`, `vzdump-lxc-110-…`, `vm-110-disk-0`, `backup/ct/110/…`. */
const things =
  /(?:(?<=UPID:(?:[^:]*:){5})|vzdump-(?:lxc|qemu)-|\b(?:vm|base|subvol)-|\bbackup\/(?:ct|vm)\/)([1-9]\d{2,8})(?!\d)/g

/** In addresses and sections of Proxmox: `lxc/110`, `/vms/110` of a right, `vm:110` of HA, `110-0` of a replication. */
const addresses = [
  /\b(?:lxc|qemu|vms|replication|resources)\/+0*(\d+)(?!\d)/g,
  /\b(?:vm|ct):0*(\d+)(?!\d)/g,
  /^0*(\d+)-\d+$/g,
]

export const vmidsInThings = (text: string): readonly number[] => all(things, text)

export const vmidsInPath = (path: string): readonly number[] =>
  [things, ...addresses].flatMap((pattern) => all(pattern, path))

/** Parameters whose numbers are VMIDs, whatever stands between them. */
const ofVmids = /^(?:vmids?|vms|newid|target-vmid|sid|resources|guests?)\b/i
/** Words of people. */
const ofProse = /^(?:description|comment|notes)/i

export function vmidsIn({ name, text }: Parameter): readonly number[] {
  if (ofProse.test(name)) return []
  return ofVmids.test(name) ? all(/(\d+)/g, text) : vmidsInPath(text)
}

const all = (pattern: RegExp, text: string): readonly number[] =>
  [...text.matchAll(pattern)].map(([, vmid]) => Number(vmid))
