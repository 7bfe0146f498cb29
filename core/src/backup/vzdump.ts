/** Guests by Proxmox itself, one task each: one that fails keeps no other from being saved. */
import { HomelabError, isHomelabError } from '../errors.ts'
import type { BackupEntry } from '../inventory/schema.ts'
import type { Lab, Target } from '../inventory/types.ts'
import type { Json, Verbs } from '../operation/types.ts'
import { guestPlace } from '../operation/view.ts'
import type { Clock } from '../ports.ts'
import type { Archive, BackupRequest, PruneRule } from '../proxmox/backup-types.ts'
import type { Proxmox } from '../proxmox/types.ts'
import type { BackupDone } from './run.ts'

export type GuestPlan = Extract<BackupEntry, { readonly method: 'vzdump' }>

export interface GuestBackupOptions {
  readonly plan: GuestPlan
  /** Names of repositories. */
  readonly repositories: readonly string[]
  readonly services: { readonly lab: Lab; readonly proxmox: Proxmox; readonly clock: Clock }
  readonly verbs: Verbs
}

/** @throws HomelabError naming the guests that were not saved; those that were stay so */
export async function backUpGuests(
  options: GuestBackupOptions,
): Promise<readonly (BackupDone & { readonly guest: string })[]> {
  const { plan, repositories, services, verbs } = options
  const { lab } = services
  const targets = await lab.resolve(plan.guests, { fresh: true, signal: verbs.signal })
  const done: (BackupDone & { readonly guest: string })[] = []
  const failed: { readonly name: string; readonly error: HomelabError }[] = []
  for (const name of repositories) {
    const repository = lab.inventory.repositories.find((one) => one.name === name)
    if (repository?.storage === undefined) continue
    const { storage } = repository
    for (const [index, target] of targets.entries()) {
      verbs.report({ text: `saving ${target.name}`, done: index, total: targets.length, unit: 'items' })
      try {
        done.push(await backUpGuest(target, { plan, repository: name, storage, services, verbs }))
      } catch (error) {
        verbs.signal.throwIfAborted()
        if (!isHomelabError(error)) throw error
        verbs.log(`${target.name}: ${error.message}`)
        failed.push({ name: target.name, error })
      }
    }
  }
  const [first] = failed
  if (first === undefined) return done
  throw new HomelabError(
    first.error.code,
    `${done.length} of ${done.length + failed.length} guests are saved; not ${failed.map(({ name }) => name).join(', ')}: ${first.error.message}`,
    { ...(first.error.hint === undefined ? {} : { hint: first.error.hint }), cause: first.error },
  )
}

interface One extends Omit<GuestBackupOptions, 'repositories'> {
  readonly repository: string
  readonly storage: string
}

async function backUpGuest(target: Target, one: One): Promise<BackupDone & { readonly guest: string }> {
  const { plan, repository, storage, services, verbs } = one
  const { proxmox, clock } = services
  const { guest, name } = target
  const began = clock.monotonic()
  const prune = pruneOf(plan)
  const request: BackupRequest = {
    node: guest.node,
    vmids: [guest.vmid],
    storage,
    mode: plan.mode,
    compress: 'zstd',
    notes: `{{guestname}}, plan ${plan.name}`,
    ...(prune === undefined ? {} : { prune }),
  }
  const step = `${repository}: vzdump ${guest.vmid}`
  let here = false
  const upid = await verbs.change<string>(step, {
    act: async () => {
      here = true
      return await proxmox.backups.start(request)
    },
    find: ({ since, claimed }) => proxmox.backups.findStart(request, since, claimed),
  })
  verbs.log(`${step}: ${upid}`)
  await verbs.follow<Json>(`${step}: task`, async (signal) => {
    const end = await proxmox.backups.wait(upid, { signal, mayHaveEnded: !here, stopOnAbort: true })
    return end as unknown as Json
  })
  const report = (await proxmox.backups.report(upid, verbs.signal)).find(({ vmid }) => vmid === guest.vmid)
  const archive = await archiveOf(one, target, report?.archive)
  for (const { key, target: mount, why } of report?.excluded ?? [])
    verbs.log(`${name}: ${key} (${mount}) is not in it: ${why}`)
  return {
    repository,
    guest: name,
    snapshot: archive.volid,
    files: 0,
    bytes: archive.size,
    ms: Math.round(clock.monotonic() - began),
    shrunk: [],
  }
}

/** What the task says is one thing; that the storage has the archive is another. */
async function archiveOf(one: One, { guest, name }: Target, file: string | undefined): Promise<Archive> {
  const { storage, services, verbs } = one
  const archives = await services.proxmox.backups.archives(
    { node: guest.node, storage, vmid: guest.vmid },
    verbs.signal,
  )
  const archive = archives.find(({ volid }) => file !== undefined && volid.endsWith(`/${file}`))
  if (archive !== undefined && archive.size > 0) return archive
  throw new HomelabError(
    'failed',
    `Proxmox says that ${name} (${guestPlace(guest)}) is saved, and ${storage} has ${archive === undefined ? 'no archive of it' : 'an empty one'}.`,
    { hint: 'Look at the task (`task list`), and at the room on the storage.' },
  )
}

/** Proxmox counts no span of time, and a plan without numbers keeps all. */
function pruneOf({ retention = {} }: GuestPlan): PruneRule | undefined {
  const { within: _within, ...counts } = retention
  const kept = Object.entries(counts).filter(([, count]) => (count ?? 0) > 0)
  return kept.length === 0 ? undefined : (Object.fromEntries(kept) as PruneRule)
}
