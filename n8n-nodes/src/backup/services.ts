/** What core's backup operations need, for one plan on one machine. */
import { HomelabError, type Lab, type Services, type Target } from '@homelab/core'
import type { GuestRef } from '@homelab/core/proxmox'
import { n8nClock } from '../clock.ts'
import { foldersOf, type LongCommands } from '../job/long-commands.ts'
import { containerOf, type SshCredential, sshShells } from '../ssh/credential.ts'
import type { SshContext } from '../ssh/shell.ts'
import { type ResticCredential, secretsOf } from './credential.ts'
import { inventoryOf, type PlanFields, serviceName } from './plan.ts'

export interface Credentials {
  readonly restic: ResticCredential
  readonly ssh: SshCredential
}

export const backupNeeds = ['lab', 'shells', 'secrets', 'clock', 'proxmox'] as const

/**
 * @param around what commands of the machine go through
 * @throws HomelabError `usage`, `config` for what is wrong with the fields or the credentials
 */
export function backupServices(
  context: SshContext,
  fields: PlanFields,
  { restic, ssh }: Credentials,
  around: LongCommands['around'] = (shell) => shell,
): Pick<Services, (typeof backupNeeds)[number]> {
  const shells = sshShells(context, ssh)
  const folders = foldersOf(ssh.jobs)
  return {
    lab: oneMachine(inventoryOf(fields, restic, ssh), containerOf(ssh)),
    shells: {
      has: shells.has,
      host: (node) => around(shells.host(node), folders),
      guest: (guest) => around(shells.guest(guest), folders),
    },
    secrets: secretsOf(restic),
    clock: n8nClock,
    // Asked for whole guests alone, and no plan here is of these.
    proxmox: {} as Services['proxmox'],
  }
}

const nobody = (): never => {
  throw new HomelabError('bug', 'A backup over SSH knows no Proxmox')
}

/** A lab that knows the container of the SSH credential by the name of its service, and nothing else. */
function oneMachine(inventory: Lab['inventory'], container: GuestRef | undefined): Lab {
  return {
    inventory,
    overview: () => Promise.resolve().then(nobody),
    resolve: (names) =>
      Promise.resolve(container !== undefined && names.includes(serviceName) ? [targetOf(container)] : []),
    services: () => Promise.resolve([]),
    lockout: () => [],
    course: () => undefined,
    suggest: () => [],
  }
}

const targetOf = (container: GuestRef): Target => ({
  name: container.name,
  guest: {
    ...container,
    status: 'running',
    template: false,
    tags: [],
    uptime: 0,
    cpu: 0,
    maxcpu: 0,
    mem: 0,
    maxmem: 0,
    disk: 0,
    maxdisk: 0,
  },
  dependents: [],
})
