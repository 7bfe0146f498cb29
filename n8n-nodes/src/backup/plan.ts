/** One backup plan and its repository, made of a node's fields and credentials as homelab.yaml would have them. */
import { HomelabError } from '@homelab/core'
import { type Inventory, InventoryFile, type SshEntry, toInventory } from '@homelab/core/inventory'
import type { IDataObject } from 'n8n-workflow'
import { isOn } from '../guard.ts'
import type { Subject } from '../job/ticket.ts'
import { containerOf, nodeNameOf, type SshCredential } from '../ssh/credential.ts'
import { environmentOf, type ResticCredential } from './credential.ts'

/** What the node's fields say of a plan. Plain JSON, and nothing secret: it travels with the id of a job. */
export interface PlanFields extends Subject {
  readonly kind: 'files' | 'postgres'
  readonly paths?: readonly string[]
  readonly exclude?: readonly string[]
  readonly databases?: readonly string[]
  /** User, host, port, jobs and staging of a PostgreSQL server, as far as they are given. */
  readonly server?: IDataObject
  /** Snapshots to keep, for restic: `{ daily: 7 }`. */
  readonly retention?: IDataObject
  /** How old the newest proven snapshot may get: `26h`. */
  readonly fresh?: string
  /** Files that a drill compares. */
  readonly files?: number
}

/** Of the one repository there is. */
export const repositoryName = 'repository'
/** What runs in the container of the SSH credential. */
export const serviceName = 'container'

/** @throws HomelabError `usage` that names the field, `config` for what is wrong with a credential */
export function inventoryOf(fields: PlanFields, restic: ResticCredential, ssh: SshCredential): Inventory {
  if (fields.name === '') throw new HomelabError('usage', 'Plan Name is missing')
  const inside = containerOf(ssh) !== undefined
  const parsed = InventoryFile.safeParse({
    repositories: {
      [repositoryName]: {
        restic: restic.repository.trim(),
        password: 'env:RESTIC_PASSWORD',
        env: Object.fromEntries(Object.keys(environmentOf(restic)).map((name) => [name, `env:${name}`])),
        append_only: isOn(restic.appendOnly),
        ...((restic.binary ?? '').trim() === '' ? {} : { binary: (restic.binary ?? '').trim() }),
      },
    },
    backups: {
      [fields.name]: {
        to: [repositoryName],
        // Never followed: n8n says when.
        schedule: 'daily',
        ...sourceOf(fields, inside, nodeNameOf(ssh)),
        ...(fields.retention === undefined ? {} : { retention: fields.retention }),
        ...(fields.fresh === undefined ? {} : { fresh: fields.fresh }),
        ...(fields.files === undefined ? {} : { drill: { schedule: 'daily', files: fields.files } }),
      },
    },
  })
  if (!parsed.success) throw wrongField(parsed.error.issues)
  const inventory = toInventory(parsed.data)
  return { ...inventory, ssh: [entryOf(ssh)], backups: inventory.backups.map((plan) => placed(plan, inside)) }
}

type Plan = Inventory['backups'][number]

/** On the host itself there is no service to name, which a file would have to. */
function placed(plan: Plan, inside: boolean): Plan {
  if (plan.method !== 'pg_dump' || inside) return plan
  const { service: _service, ...rest } = plan
  return rest as Plan
}

function sourceOf(fields: PlanFields, inside: boolean, node: string): IDataObject {
  const where = inside ? { service: serviceName } : { node }
  if (fields.kind === 'files') {
    return {
      method: 'restic',
      ...where,
      // Only a backup asks what to save; what is saved says so itself.
      paths: [...(fields.paths ?? ['/'])],
      ...(fields.exclude === undefined ? {} : { exclude: [...fields.exclude] }),
    }
  }
  return {
    method: 'pg_dump',
    service: serviceName,
    ...(fields.databases === undefined ? {} : { databases: [...fields.databases] }),
    ...fields.server,
  }
}

function entryOf(ssh: SshCredential): SshEntry {
  const jobs = (ssh.jobs ?? '').trim()
  return {
    name: nodeNameOf(ssh),
    host: ssh.host.trim(),
    port: Number(ssh.port),
    user: ssh.user.trim(),
    ...(jobs === '' ? {} : { jobs }),
  }
}

interface Issue {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

function wrongField([first]: readonly Issue[]): HomelabError {
  const [section, , ...rest] = first?.path ?? []
  const field = rest.map(String).join('.')
  return section === 'repositories'
    ? new HomelabError('config', `The restic credential: ${field} ${first?.message}`)
    : new HomelabError('usage', `${field === '' ? 'Plan Name' : field} ${first?.message ?? 'is wrong'}`)
}
