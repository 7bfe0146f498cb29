/** The shared PostgreSQL: the server of homelab.yaml that the new service's database is made on. Only reads. */
import { HomelabError } from '../errors.ts'
import { addressOf } from '../tunnel/backend.ts'
import type { Blueprint } from './blueprint.ts'
import { lookAtDatabase } from './database.ts'
import type { Found, ProvisionServices } from './types.ts'

/** @throws HomelabError `not-found` without a server, `conflict` when the name is taken, `unreachable` when it is down */
export async function databasePlace(
  { database, title }: Blueprint,
  { lab, shells, proxmox }: ProvisionServices,
  signal: AbortSignal,
): Promise<Found['database']> {
  if (database === undefined) return null
  const rows = await lab.services({ signal })
  const row = rows.find(
    ({ target, name }) => (target?.service?.kind ?? name) === 'postgresql' && target !== undefined,
  )
  const target = row?.target
  if (target === undefined)
    throw new HomelabError('not-found', `${title} needs a database, and there is no PostgreSQL.`, {
      hint: '`provision postgresql` makes one; one that is there needs a service of `kind: postgresql` in homelab.yaml.',
    })
  const { guest, service } = target
  if (guest.status !== 'running')
    throw new HomelabError(
      'conflict',
      `${target.name} is ${guest.status}, and ${title} needs a database on it.`,
      {
        hint: `\`start ${target.name}\`, then try again.`,
        data: { vmid: guest.vmid },
      },
    )
  const seen = await lookAtDatabase(database, shells.guest(guest))
  const taken =
    seen.database === 'there'
      ? `database ${database.name}`
      : seen.role === 'there'
        ? `role ${database.role}`
        : undefined
  if (taken !== undefined)
    throw new HomelabError('conflict', `${target.name} has a ${taken} already.`, {
      hint: 'It may be what an earlier one has left: look at it, then drop or rename it, or write a blueprint with another name.',
      data: { database: database.name, role: database.role },
    })
  if (seen.missing.length > 0)
    throw new HomelabError(
      'not-found',
      `${target.name} does not have the extension ${seen.missing.join(', ')}.`,
      {
        hint: `Install it in ${target.name} (CT ${guest.vmid}), then try again.`,
        data: { extensions: [...seen.missing] },
      },
    )
  const host = service?.address ?? (await addressOf(target, { proxmox }, signal))
  if (host === undefined)
    throw new HomelabError('conflict', `No address of ${target.name} is known.`, {
      hint: `Set \`address\` of ${target.name} in homelab.yaml.`,
    })
  return {
    service: target.name,
    guest: { vmid: guest.vmid, node: guest.node, name: guest.name },
    host,
    port: service?.port ?? 5432,
  }
}
