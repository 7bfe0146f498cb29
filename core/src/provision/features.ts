/** What a container may do beyond the usual (`nesting`, `keyctl`, `fuse`, `mount=nfs`): root's alone, but for nesting. */
import { HomelabError } from '../errors.ts'
import type { ExecOptions, Shell } from '../ports.ts'
import type { GuestRef } from '../proxmox/types.ts'
import type { Blueprint } from './blueprint.ts'
import { configNow, setAndCheck } from './pct.ts'

const known = ['force_rw_sys', 'fuse', 'keyctl', 'mknod', 'mount', 'nesting']

/**
 * What a blueprint's container gets, by whom. systemd's sandboxes need nesting in an unprivileged container; those of helper
 * scripts have it from the script. Of a privileged one a token may set no feature at all.
 */
export function featuresFor({
  create: { by },
  features,
  unprivileged,
}: Pick<Blueprint, 'create' | 'features' | 'unprivileged'>): {
  readonly token?: string
  readonly ssh?: string
} {
  if (by === 'vm') return {}
  const nests = features === undefined || features === 'nesting=1'
  if (by === 'script') return nests ? {} : { ssh: features }
  if (unprivileged && nests) return { token: 'nesting=1' }
  return features === undefined ? {} : { ssh: features }
}

/** @throws HomelabError `usage` */
function parse(text: string): ReadonlyMap<string, string> {
  const parts = text.split(',').filter((part) => part !== '')
  return new Map(
    parts.map((part) => {
      const [name = '', value] = part.split(/=(.*)/s)
      if (!known.includes(name) || value === undefined || value === '' || /\s/.test(value))
        throw new HomelabError('usage', `${JSON.stringify(part)} is no feature of a container`, {
          hint: `There are: ${known.join(', ')}; such as nesting=1,keyctl=1.`,
        })
      return [name, value] as const
    }),
  )
}

/**
 * Sets features; those that are not named stay. A running container has them from its next start on.
 * @param features `nesting=1,keyctl=1`
 * @returns whether anything had to be changed
 * @throws HomelabError `usage` for one that there is not, and those of pct
 */
export async function setFeatures(
  guest: GuestRef,
  features: string,
  shell: Shell,
  options: ExecOptions = {},
): Promise<boolean> {
  const wanted = parse(features)
  const config = await configNow(guest, shell, options)
  // Written by Proxmox: one that is not known here is kept.
  const before = (config.features ?? '').split(',').filter((part) => part !== '')
  const now = new Map(before.map((part) => [part.split('=')[0] ?? '', part.split(/=(.*)/s)[1] ?? '']))
  if ([...wanted].every(([name, value]) => now.get(name) === value)) return false
  const line = [...new Map([...now, ...wanted])].map(([name, value]) => `${name}=${value}`).join(',')
  const sorted = (text: string) => text.split(',').toSorted().join(',')
  await setAndCheck(guest, { features: line }, shell, {
    ...options,
    same: (asked, written) => sorted(asked) === sorted(written),
  })
  return true
}
