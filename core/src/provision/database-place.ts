/** The shared PostgreSQL: the server of homelab.yaml that the new service's database is made on. Only reads. */
import { HomelabError } from '../errors.ts'
import { addressOf } from '../tunnel/backend.ts'
import type { Blueprint } from './blueprint.ts'
import type { DatabaseLook } from './database.ts'
import { lookAtDatabase } from './database.ts'
import type { Found, ProvisionServices } from './types.ts'

export interface DatabasePlace {
  readonly place: Found['database']
  readonly warnings: readonly string[]
}

/**
 * @param ip of the new guest, when it is known beforehand
 * @throws HomelabError `not-found` without a server, `conflict` when the name is taken, `unreachable` when it is down,
 * `config` when it lets no other guest in
 */
export async function databasePlace(
  { database, title }: Blueprint,
  { lab, shells, proxmox }: ProvisionServices,
  signal: AbortSignal,
  ip?: string,
): Promise<DatabasePlace> {
  if (database === undefined) return { place: null, warnings: [] }
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
  const host = service?.address ?? (await addressOf(target, { proxmox }, signal))
  // Guests are mostly in one network: by DHCP the new one will be near the server.
  const from = [ip, host].find((each) => each !== undefined && isIp(each))
  const seen = await lookAtDatabase(database, shells.guest(guest), {
    ...(from === undefined ? {} : { from }),
    signal,
  })
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
  if (host === undefined)
    throw new HomelabError('conflict', `No address of ${target.name} is known.`, {
      hint: `Set \`address\` of ${target.name} in homelab.yaml.`,
    })
  return {
    place: {
      service: target.name,
      guest: { vmid: guest.vmid, node: guest.node, name: guest.name },
      host,
      port: service?.port ?? 5432,
    },
    warnings: waysIn({ server: target.name, host, seen, ip, rule: ruleFor(database, ip ?? host) }),
  }
}

const isIp = (text: string): boolean =>
  /^[0-9.]+$/.test(text) || (/^[0-9a-f:.]+$/i.test(text) && text.includes(':'))

/** A line of pg_hba.conf for the network around an address. */
const ruleFor = (
  { name, role }: { readonly name: string; readonly role: string },
  around: string,
): string => {
  const [, net] = /^(\d+\.\d+\.\d+)\.\d+$/.exec(around) ?? []
  return `host ${name} ${role} ${net === undefined ? '192.168.1.0/24' : `${net}.0/24`} scram-sha-256`
}

interface WayIn {
  readonly server: string
  readonly host: string
  readonly seen: DatabaseLook
  readonly ip: string | undefined
  readonly rule: string
}

/** @throws HomelabError `config` when no other guest gets in; what is only likely is a warning */
function waysIn({ server, host, seen, ip, rule }: WayIn): readonly string[] {
  // An address of the loopback is one that all of them share.
  if (!seen.listens.remote && !/^127\.|^::1$|^localhost$/.test(host))
    throw new HomelabError('config', `PostgreSQL on ${server} listens on its own machine only.`, {
      hint: `Set listen_addresses = '*' in its postgresql.conf, restart it, and add to pg_hba.conf: ${rule}`,
      data: { addresses: [...seen.listens.addresses] },
    })
  const { login } = seen
  if (login === undefined || login.allowed) return []
  const why = login.line === undefined ? 'no line of it fits' : `line ${login.line} of it refuses`
  if (ip !== undefined)
    throw new HomelabError('config', `pg_hba.conf of ${server} does not let ${ip} in: ${why}.`, {
      hint: `Add before the others, and reload PostgreSQL: ${rule}`,
      data: { ip, ...(login.line === undefined ? {} : { line: login.line }) },
    })
  return [`pg_hba.conf of ${server} seems to let no other guest in (${why}). Add to it: ${rule}`]
}
