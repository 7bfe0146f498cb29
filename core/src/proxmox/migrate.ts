/** Guests that move to another node. Facts: PVE's API2/LXC and API2/Qemu, migrate_vm. */
import { z } from 'zod'
import { HomelabError } from '../errors.ts'
import type { Client } from './client.ts'
import type { Migration, MigrationObstacles, MigrationRequest } from './cluster-types.ts'
import { isManaged } from './guests.ts'
import { at, type Params } from './path.ts'
import { read } from './schemas.ts'
import type { GuestRef, PowerTarget, Tasks } from './types.ts'
import { tryParseUpid } from './upid.ts'

const flag = z
  .unknown()
  .optional()
  .transform((value) => value === 1 || value === '1' || value === true)

const Preconditions = z.object({
  local_resources: z.array(z.string()).catch([]),
  local_disks: z
    .array(z.object({ volid: z.string(), size: z.coerce.number().catch(0), cdrom: flag }))
    .catch([]),
})

const pathOf = (guest: GuestRef): string => at`/nodes/${guest.node}/${guest.type}/${guest.vmid}/migrate`

async function obstacles(
  client: Client,
  guest: GuestRef,
  target: string,
  signal?: AbortSignal,
): Promise<MigrationObstacles> {
  const path = pathOf(guest)
  const { data } = await client.get(path, { query: { target }, signal })
  const found = read(Preconditions, data, path)
  return { localResources: found.local_resources, localDisks: found.local_disks }
}

const paramsOf = ({ type }: GuestRef, { target, running, storage }: MigrationRequest): Params =>
  type === 'lxc'
    ? { target, restart: running || undefined, 'target-storage': storage }
    : {
        target,
        online: running || undefined,
        // Of a machine that stands still they go with it anyway.
        'with-local-disks': running || undefined,
        targetstorage: storage,
      }

/** `hamigrate` means "requested". */
export const migrationTask = (guest: PowerTarget): string =>
  isManaged(guest) ? 'hamigrate' : guest.type === 'lxc' ? 'vzmigrate' : 'qmigrate'

export const createMigration = (client: Client, tasks: Pick<Tasks, 'latest'>): Migration => ({
  obstacles: (guest, target, signal) => obstacles(client, guest, target, signal),
  async start(guest, request) {
    const path = pathOf(guest)
    const { data } = await client.send('POST', path, paramsOf(guest, request))
    const upid = tryParseUpid(data)
    if (upid !== undefined) return upid.text
    throw new HomelabError('failed', `Proxmox took the migration of ${guest.name} but began no task.`, {
      hint: `\`guest show ${guest.vmid}\` tells where it is.`,
      data: { path, answer: data === undefined ? null : data },
    })
  },
  find: (guest, since, claimed) => tasks.latest(guest, migrationTask(guest), since, claimed),
})
