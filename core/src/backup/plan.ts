/** A plan of homelab.yaml, ready for use: where it runs, and how its repositories are reached. */
import { HomelabError } from '../errors.ts'
import type { SecretRef } from '../inventory/fields.ts'
import type { BackupEntry, Inventory, RepositoryEntry } from '../inventory/schema.ts'
import type { Lab } from '../inventory/types.ts'
import { didYouMean } from '../nearest.ts'
import { guestPlace } from '../operation/view.ts'
import type { Shell } from '../ports.ts'
import type { GuestRef } from '../proxmox/types.ts'
import { Secret } from '../secret.ts'
import type { Shells } from '../shell/types.ts'
import { createRestic, type Restic } from './restic/restic.ts'

/** Resolves what homelab.yaml only refers to. In n8n it is the credential that has it. */
export interface SecretSource {
  /** @throws HomelabError `config` when it is not there */
  resolve(ref: SecretRef): Promise<Secret>
}

export interface PlanServices {
  readonly lab: Lab
  readonly shells: Shells
  readonly secrets: SecretSource
}

/** A node, or a container on one. */
export interface Machine {
  /** For people: `pve`, `postgresql (CT 102 on pve)`. */
  readonly name: string
  /** The same for ever, for restic's host: snapshots of another host share nothing with it. */
  readonly host: string
  readonly shell: Shell
  readonly guest?: GuestRef
  /** Where jobs keep their folders. */
  readonly home: string
  /** Where their secrets wait for a moment; in memory, unless homelab.yaml says where jobs are. */
  readonly memory: string
}

/** Of a node, and of the containers on it. */
function foldersOn(node: string, { ssh }: Inventory): Pick<Machine, 'home' | 'memory'> {
  const jobs = ssh.find(({ name }) => name === node)?.jobs
  // Who may not write to /var/lib may not write to /run either.
  if (jobs !== undefined) return { home: jobs, memory: `${jobs}/secrets` }
  return { home: '/var/lib/homelab', memory: '/run/homelab' }
}

export type ResticPlan = Exclude<BackupEntry, { readonly method: 'vzdump' }>
export type ResticRepository = RepositoryEntry & { readonly restic: string; readonly password: SecretRef }

/** @throws HomelabError `not-found` with the nearest name */
export function planNamed(inventory: Inventory, name: string): BackupEntry {
  const wanted = name.toLowerCase()
  const found = inventory.backups.find(
    (plan) => plan.name.toLowerCase() === wanted || plan.title?.toLowerCase() === wanted,
  )
  if (found !== undefined) return found
  const names = inventory.backups.map((plan) => plan.name)
  throw new HomelabError('not-found', `No backup plan "${name}".${didYouMean(name, names)}`, {
    hint:
      names.length === 0
        ? 'homelab.yaml has no `backups:` yet; homelab.example.yaml has four to begin with.'
        : '`backup plans` lists all.',
  })
}

export const isResticPlan = (plan: BackupEntry): plan is ResticPlan & BackupEntry => plan.method !== 'vzdump'

/** The repositories of a plan that restic keeps. */
export const repositoriesOf = (inventory: Inventory, plan: BackupEntry): readonly ResticRepository[] =>
  plan.to.flatMap((name) => {
    const found = inventory.repositories.find((repository) => repository.name === name)
    return found !== undefined && isRestic(found) ? [found] : []
  })

export const isRestic = (repository: RepositoryEntry): repository is ResticRepository =>
  repository.restic !== undefined && repository.password !== undefined

/** As people type it: of a part of a plan, the plan. */
export const typedName = ({ name, part }: Named): string => part?.plan ?? name

interface Named {
  readonly name: string
  readonly part?: { readonly plan: string }
}

export const titleOf = (entry: { readonly name: string; readonly title?: string | undefined }): string =>
  entry.title ?? entry.name

/** @throws HomelabError `config` when there is no way there, `not-found` when its guest is not there */
export async function machineOf(
  plan: BackupEntry,
  { lab, shells }: Pick<PlanServices, 'lab' | 'shells'>,
  signal?: AbortSignal,
): Promise<Machine> {
  if (plan.method !== 'vzdump' && plan.service !== undefined) {
    const [target] = await lab.resolve([plan.service], signal === undefined ? {} : { signal })
    if (target === undefined) throw new HomelabError('not-found', `There is no service ${plan.service}.`)
    return {
      name: `${target.name} (${guestPlace(target.guest)})`,
      host: `homelab-${target.guest.vmid}`,
      shell: shells.guest(target.guest),
      guest: target.guest,
      ...foldersOn(target.guest.node, lab.inventory),
    }
  }
  const [only, ...others] = lab.inventory.ssh
  // Of whole guests any node will do: their archives are copied away from the node of each.
  const any = others.length === 0 || plan.method === 'vzdump' ? only?.name : undefined
  const node = (plan.method === 'restic' ? plan.node : undefined) ?? any
  if (node === undefined)
    throw new HomelabError('config', `The plan ${plan.name} does not say where its paths are.`, {
      hint: 'Give it `node:` or `service:` in homelab.yaml, and that node an entry under `proxmox.ssh`.',
    })
  return {
    name: node,
    host: `homelab-${node}`,
    shell: shells.host(node),
    ...foldersOn(node, lab.inventory),
  }
}

/** What restic is given in its environment. @throws HomelabError `config` when a secret is not there */
export async function environmentOf(
  { restic, password, env }: Pick<ResticRepository, 'restic' | 'password' | 'env'>,
  secrets: SecretSource,
): Promise<Readonly<Record<string, Secret>>> {
  const entries = await Promise.all(
    Object.entries(env ?? {}).map(async ([name, ref]) => [name, await secrets.resolve(ref)] as const),
  )
  return {
    ...Object.fromEntries(entries),
    // Its address may hold a password.
    RESTIC_REPOSITORY: new Secret(restic),
    RESTIC_PASSWORD: await secrets.resolve(password),
  }
}

export async function resticOf(
  repository: ResticRepository,
  machine: Machine,
  secrets: SecretSource,
): Promise<Restic> {
  return createRestic({
    shell: machine.shell,
    binary: repository.binary ?? 'restic',
    secrets: await environmentOf(repository, secrets),
    name: titleOf(repository),
    ...(machine.guest === undefined ? {} : { home: '/root' }),
  })
}

const hour = 3_600_000
const fresh = { hourly: 3 * hour, daily: 26 * hour, weekly: 8 * 24 * hour, monthly: 32 * 24 * hour }

/** How old the newest proof may get, in milliseconds: what the plan says, or its interval and some more. */
export function freshFor({ fresh: said, schedule }: Pick<BackupEntry, 'fresh' | 'schedule'>): number {
  if (said !== undefined) return said
  const word = fresh[schedule as keyof typeof fresh]
  if (word !== undefined) return word
  const [, , day, month, weekday] = schedule.split(/\s+/)
  if (weekday !== '*') return fresh.weekly
  return day === '*' && month === '*' ? fresh.daily : fresh.monthly
}

const keep = ['last', 'hourly', 'daily', 'weekly', 'monthly', 'yearly', 'within'] as const

/** For `restic forget`; none: everything is kept. */
export const policyOf = ({ retention = {} }: Pick<BackupEntry, 'retention'>): readonly string[] =>
  keep.flatMap((name) => (retention[name] === undefined ? [] : [`--keep-${name}`, String(retention[name])]))
