/**
 * What no backup plan covers: every guest, mount point, volume, database and folder, by name. Facts of vzdump: the root
 * file system always; a container's volumes only with `backup=1`; bind mounts and devices never.
 */
import type { BackupEntry, StorageEntry } from '../inventory/schema.ts'
import type { GuestConfig } from '../proxmox/backup-types.ts'
import { configLines, type Mount, mountsOf } from '../proxmox/guest-config.ts'
import type { Guest, Proxmox } from '../proxmox/types.ts'
import {
  both,
  type FilePlan,
  type Files,
  judgeInside,
  judgeOnHost,
  type Known,
  none,
  type Verdict,
} from './coverage-files.ts'
import { isWithin, moved } from './exclude.ts'

export interface CoverageRow {
  readonly kind: 'guest' | 'mount' | 'volume' | 'database' | 'path'
  /** `immich`, `/Apollo/Photos`, `immich:/data`, `postgresql/immich` */
  readonly name: string
  /** `CT 120 on pve`; `pve: /photos in immich`. */
  readonly where: string
  /** Names of plans. */
  readonly covered: readonly string[]
  /** Why not, when no plan covers it; or what the plans leave out of it. */
  readonly why?: string | undefined
  /** It need not be: the reason of `unprotected`. */
  readonly replaceable?: string | undefined
}

type PlanOf<M extends BackupEntry['method']> = Extract<BackupEntry, { method: M }>
/** The parts of a plan that say what it covers. */
export type CoveringPlan =
  | Pick<PlanOf<'pg_dump'>, 'name' | 'method' | 'service' | 'databases'>
  | FilePlan
  | Pick<PlanOf<'vzdump'>, 'name' | 'method' | 'guests'>

export interface CoverageInput {
  /** With their configuration, or why it could not be read: such a guest may have mounts that nobody knows of. */
  readonly guests: readonly {
    readonly guest: Known['guest']
    readonly config: GuestConfig | { readonly unreadable: string }
  }[]
  readonly plans: readonly CoveringPlan[]
  /** VMIDs that a vzdump plan takes: the same resolution as when it runs. @throws when a name is not known */
  readonly guestsOf: (plan: Extract<CoveringPlan, { method: 'vzdump' }>) => Promise<readonly number[]>
  /** The VMID that a service runs on; undefined when no guest has it. */
  readonly guestOfService: (service: string) => number | undefined
  /** Services that are PostgreSQL servers. */
  readonly databaseServices: readonly string[]
  /** @throws when the server cannot be asked */
  readonly databases: (service: string) => Promise<readonly string[]>
  readonly storages: readonly Pick<StorageEntry, 'name' | 'node' | 'layout'>[]
  /** What may be lost: a row's name, or a folder and all below it. */
  readonly unprotected: readonly { readonly what: string; readonly why: string }[]
}

export interface Coverage {
  readonly rows: readonly CoverageRow[]
  /** Entries of `unprotected` that fit nothing: mistyped, or of something that is gone. */
  readonly unused: readonly string[]
  /** Plans of which it is not known what they take, with the reason. */
  readonly unresolved: readonly { readonly plan: string; readonly why: string }[]
}

/** The configurations of all guests; one that cannot be read is kept, with the reason. */
export const readConfigs = (
  proxmox: Pick<Proxmox, 'guestConfig'>,
  guests: readonly Guest[],
  signal?: AbortSignal,
): Promise<CoverageInput['guests']> =>
  Promise.all(
    guests.map(async (guest) => {
      try {
        return { guest, config: configLines(await proxmox.guestConfig(guest, signal)) }
      } catch (error) {
        signal?.throwIfAborted()
        return { guest, config: { unreadable: words(error) } }
      }
    }),
  )

const words = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** What is not covered and is not known to be replaceable. */
export const uncovered = (rows: readonly CoverageRow[]): readonly CoverageRow[] =>
  rows.filter((row) => row.covered.length === 0 && row.replaceable === undefined)

export async function findCoverage(input: CoverageInput): Promise<Coverage> {
  const guests = input.guests.filter(({ guest }) => !guest.template).map(toKnown)
  const taken = new Map<number, string[]>()
  const unresolved: { plan: string; why: string }[] = []
  for (const plan of input.plans) {
    if (plan.method !== 'vzdump') continue
    try {
      for (const vmid of await input.guestsOf(plan)) taken.set(vmid, [...(taken.get(vmid) ?? []), plan.name])
    } catch (error) {
      unresolved.push({ plan: plan.name, why: words(error) })
    }
  }
  const files = filePlans(input, guests, unresolved)
  const rows = [
    ...guests.flatMap((known) => guestRows(known, taken.get(known.guest.vmid) ?? [])),
    ...guests.flatMap((known) => volumeRows(known, taken.get(known.guest.vmid) ?? [], files)),
    ...hostRows(input, guests, files),
    ...(await databaseRows(input)),
  ]
  return { ...withReasons(rows, input.unprotected), unresolved }
}

function toKnown({ guest, config }: CoverageInput['guests'][number]): Known {
  const { unreadable } = config
  // No line of a configuration is called so.
  if (unreadable !== undefined) return { guest, mounts: [], unreadable }
  return { guest, mounts: mountsOf(guest.type, config as GuestConfig) }
}

const kindOf = (guest: Known['guest']): string => `${guest.type === 'lxc' ? 'CT' : 'VM'} ${guest.vmid}`

function guestRows({ guest, unreadable }: Known, covered: readonly string[]): CoverageRow[] {
  const where = `${kindOf(guest)} on ${guest.node}`
  const why = covered.length > 0 ? {} : { why: 'no vzdump plan has it' }
  const row: CoverageRow = { kind: 'guest', name: guest.name, where, covered, ...why }
  if (unreadable === undefined) return [row]
  // What cannot be looked at must not count as covered.
  const unknown = `its configuration could not be read: ${unreadable}`
  return [row, { kind: 'mount', name: `${guest.name}:*`, where, covered: [], why: unknown }]
}

function filePlans(
  input: CoverageInput,
  guests: readonly Known[],
  unresolved: { plan: string; why: string }[],
): readonly Files[] {
  return input.plans.flatMap((plan): Files[] => {
    if (plan.method !== 'restic') return []
    if (plan.service === undefined) return plan.node === undefined ? [] : [{ plan, node: plan.node }]
    const vmid = input.guestOfService(plan.service)
    const inside = guests.find(({ guest }) => guest.vmid === vmid)
    if (inside !== undefined) return [{ plan, inside }]
    unresolved.push({ plan: plan.name, why: `there is no guest for its service ${plan.service}` })
    return []
  })
}

const explained = (verdict: Verdict, otherwise: string): Pick<CoverageRow, 'covered' | 'why'> => {
  const why = verdict.notes.join('; ')
  if (why !== '') return { covered: verdict.covered, why }
  return verdict.covered.length > 0 ? { covered: verdict.covered } : { covered: [], why: otherwise }
}

function volumeRows(
  { guest, mounts }: Known,
  plans: readonly string[],
  files: readonly Files[],
): CoverageRow[] {
  return mounts
    .filter(({ key, kind }) => key !== 'rootfs' && kind !== 'bind')
    .flatMap((mount): CoverageRow[] => {
      const { key, kind, target, inArchive } = mount
      // A VM's disks are its guest's archive, unless they are left out of it.
      if (guest.type === 'qemu' && inArchive) return []
      const row = {
        kind: kind === 'volume' ? 'volume' : 'mount',
        name: `${guest.name}:${target === '' ? key : target}`,
        where: `${key} of ${kindOf(guest)} on ${guest.node}`,
      } as const
      const inside = target === '' ? none : judgeInside(files, guest.vmid, target)
      const verdict = both([{ covered: inArchive ? plans : [], notes: [] }, inside])
      return [{ ...row, ...explained(verdict, reasonOf(mount, guest)) }]
    })
}

function reasonOf({ kind, inArchive, target }: Mount, guest: Known['guest']): string {
  const inside = `no restic plan inside ${guest.name} has ${target}`
  if (kind === 'device') return `vzdump never includes a device, and ${inside}`
  if (inArchive) return `no vzdump plan has ${guest.name}, and ${inside}`
  if (guest.type === 'qemu') return 'vzdump leaves this disk out (backup=0)'
  return `vzdump includes a volume only with backup=1, and ${inside}`
}

/** Bind mounts and folders of the file: one row for each folder of a host, whoever has it. */
function hostRows(input: CoverageInput, guests: readonly Known[], files: readonly Files[]): CoverageRow[] {
  const found = new Map<
    string,
    { node: string; path: string; binds: { guest: Known['guest']; target: string }[] }
  >()
  const at = (node: string, path: string) => {
    const clean = moved(path, '/', '/')
    const entry = found.get(`${node} ${clean}`) ?? { node, path: clean, binds: [] }
    found.set(`${node} ${clean}`, entry)
    return entry
  }
  for (const { guest, mounts } of guests) {
    for (const { kind, source, target } of mounts)
      if (kind === 'bind') at(guest.node, source).binds.push({ guest, target })
  }
  for (const { node, layout = [] } of input.storages)
    if (node !== undefined) for (const { path } of layout) at(node, path)
  return [...found.values()].map(({ node, path, binds }): CoverageRow => {
    const verdict = both([
      judgeOnHost(files, node, path),
      ...binds.map(({ guest, target }) => judgeInside(files, guest.vmid, target)),
    ])
    const mounted = binds.map(({ guest, target }) => `${target} in ${guest.name}`).join(', ')
    const plain = `no restic plan on ${node} has it`
    return {
      kind: binds.length > 0 ? 'mount' : 'path',
      name: path,
      where: mounted === '' ? node : `${node}: ${mounted}`,
      ...explained(verdict, binds.length > 0 ? `vzdump never includes bind mounts, and ${plain}` : plain),
    }
  })
}

async function databaseRows(input: CoverageInput): Promise<CoverageRow[]> {
  const rows = await Promise.all(
    input.databaseServices.map(async (service): Promise<CoverageRow[]> => {
      const plans = input.plans
        .filter((plan) => plan.method === 'pg_dump')
        .filter((plan) => plan.service === service)
      const row = (name: string, covered: readonly string[], why: string): CoverageRow => ({
        kind: 'database',
        name: `${service}/${name}`,
        where: service,
        covered,
        ...(covered.length > 0 ? {} : { why }),
      })
      let names: readonly string[]
      try {
        names = await input.databases(service)
      } catch (error) {
        return [row('*', [], `its databases could not be listed: ${words(error)}`)]
      }
      return names.map((name) =>
        row(
          name,
          plans.filter(({ databases }) => databases?.includes(name) ?? true).map((plan) => plan.name),
          plans.length === 0
            ? `no pg_dump plan has ${service}`
            : `${plans.map((plan) => plan.name).join(', ')} names other databases only`,
        ),
      )
    }),
  )
  return rows.flat()
}

/** A folder stands for all below it; anything else for the row that is called so. */
const fits = (what: string, { kind, name }: CoverageRow): boolean =>
  what === name ||
  (what.startsWith('/') &&
    (kind === 'mount' || kind === 'path') &&
    name.startsWith('/') &&
    isWithin(name, what))

function withReasons(
  rows: readonly CoverageRow[],
  unprotected: CoverageInput['unprotected'],
): Pick<Coverage, 'rows' | 'unused'> {
  return {
    rows: rows.map((row) => {
      const reason = unprotected.find(({ what }) => fits(what, row))
      return reason === undefined ? row : { ...row, replaceable: reason.why }
    }),
    unused: unprotected.map(({ what }) => what).filter((what) => !rows.some((row) => fits(what, row))),
  }
}
