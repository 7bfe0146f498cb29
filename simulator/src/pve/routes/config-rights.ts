/** Which privilege each part of a configuration needs, and what is root's alone. */
import type { Guest, GuestType } from '../../lab/model.ts'
import type { Sim } from '../../sim.ts'
import type { Caller } from '../access.ts'
import { PveError } from '../error.ts'
import { permit } from '../route.ts'

/** Any of these is enough to try. */
export const configPrivileges: Readonly<Record<GuestType, readonly string[]>> = {
  lxc: ['VM.Config.Disk', 'VM.Config.CPU', 'VM.Config.Memory', 'VM.Config.Network', 'VM.Config.Options'],
  qemu: [
    'VM.Config.Disk',
    'VM.Config.CDROM',
    'VM.Config.CPU',
    'VM.Config.Memory',
    'VM.Config.Network',
    'VM.Config.HWType',
    'VM.Config.Options',
    'VM.Config.Cloudinit',
  ],
}

const needs: readonly (readonly [RegExp, string])[] = [
  [/^(cores|cpulimit|cpuunits|sockets)$/, 'VM.Config.CPU'],
  [/^(memory|swap|balloon)$/, 'VM.Config.Memory'],
  [/^(net\d+|nameserver|searchdomain|hostname)$/, 'VM.Config.Network'],
  [/^(rootfs|mp\d+)$/, 'VM.Config.Disk'],
]

/** @throws PveError 403 naming the privilege of the first part that may not be changed */
export function mayChange(
  sim: Sim,
  caller: Caller,
  guest: Guest,
  changes: Readonly<Record<string, string>>,
): void {
  for (const name of Object.keys(changes)) {
    if (/^(ciuser|cipassword|sshkeys|ipconfig\d+)$/.test(name)) {
      permit(sim, caller, `/vms/${guest.vmid}`, ['VM.Config.Cloudinit', 'VM.Config.Network'], true)
      continue
    }
    const privilege = needs.find(([pattern]) => pattern.test(name))?.[1] ?? 'VM.Config.Options'
    permit(sim, caller, `/vms/${guest.vmid}`, [privilege])
  }
  rootOnly(caller, changes, guest.config.unprivileged === '1')
}

const rootAlone = (what: string): PveError =>
  new PveError(403, `Permission check failed (${what} is only allowed for root@pam)`)

/**
 * What only root@pam may set, and no token of it: mounts of host paths, devices, hook scripts,
 * features other than nesting, any feature of a privileged container.
 */
export function rootOnly(
  caller: Caller,
  changes: Readonly<Record<string, string>>,
  unprivileged: boolean,
): void {
  if (caller.id === 'root@pam') return
  for (const [name, value] of Object.entries(changes)) {
    if (/^mp\d+$/.test(name) && value.startsWith('/')) throw rootAlone('mount point type bind')
    if (/^dev\d+$/.test(name)) throw rootAlone('configuring device passthrough')
    if (name === 'hookscript') throw rootAlone('changing hookscript')
    if (name !== 'features') continue
    if (!unprivileged) throw rootAlone('changing feature flags for privileged container')
    const others = value.split(',').filter((part) => part !== '' && !/^nesting=[01]$/.test(part))
    if (others.length > 0) throw rootAlone('changing feature flags (except nesting)')
  }
}
