/** Guests by Proxmox itself, one task each: one that fails keeps no other from being saved. Then to restic, if the plan says so. */
import { HomelabError, isHomelabError } from '../errors.ts'
import type { BackupEntry } from '../inventory/schema.ts'
import type { Target } from '../inventory/types.ts'
import type { Json, Verbs } from '../operation/types.ts'
import type { Clock } from '../ports.ts'
import type { BackupRequest } from '../proxmox/backup-types.ts'
import type { Proxmox } from '../proxmox/types.ts'
import { notesOf } from './archive-notes.ts'
import { archivesOver, failedText, noteJson, removeArchives } from './archive-prune.ts'
import { archivesOf } from './archives.ts'
import { backUpOnce, type Due, guestSavedSince, standApart } from './once.ts'
import { type PlanServices, type ResticRepository, repositoriesOf, titleOf } from './plan.ts'
import type { BackupDone, NamedPlan } from './run.ts'

export type GuestPlan = Extract<BackupEntry, { readonly method: 'vzdump' }>
type Done = BackupDone & { readonly guest?: string }

export interface GuestBackupOptions {
  readonly plan: GuestPlan
  /** Names of repositories. */
  readonly repositories: readonly string[]
  readonly services: PlanServices & { readonly proxmox: Proxmox; readonly clock: Clock }
  readonly verbs: Verbs
  /** Make the repository of restic when there is none. */
  readonly init: boolean
  readonly due: Due
}

interface SavedArchive {
  readonly node: string
  readonly vmid: number
  /** The guest's. */
  readonly name: string
  readonly volid: string
}

/** @throws HomelabError naming the guests that were not saved; those that were stay so */
export async function backUpGuests(options: GuestBackupOptions): Promise<readonly Done[]> {
  const { plan, repositories, services, verbs } = options
  const { lab } = services
  const targets = await lab.resolve(plan.guests, { fresh: true, signal: verbs.signal })
  const storages = lab.inventory.repositories.filter(
    ({ name, storage }) => repositories.includes(name) && storage !== undefined,
  )
  if (storages.length === 0)
    throw new HomelabError('config', `The plan ${plan.name} has no storage of Proxmox to save guests on.`, {
      hint: 'Name a repository with `storage:` in its `to:`; restic is given the archives from there.',
    })
  const done: Done[] = []
  const failed: { readonly name: string; readonly error: HomelabError }[] = []
  const archives: SavedArchive[] = []
  await standApart(options)
  for (const { name: repository, storage = '' } of storages) {
    for (const [index, target] of targets.entries()) {
      verbs.report({ text: `saving ${target.name}`, done: index, total: targets.length, unit: 'items' })
      try {
        const saved = await backUpGuest(target, { ...options, repository, storage })
        done.push(saved)
        const { node, vmid } = target.guest
        if (storage === storages[0]?.storage)
          archives.push({ node, vmid, name: target.name, volid: saved.snapshot })
        const old = await removeOld(target, { ...options, repository, storage })
        done[done.length - 1] = { ...saved, shrunk: old }
      } catch (error) {
        verbs.signal.throwIfAborted()
        if (!isHomelabError(error)) throw error
        verbs.log(`${target.name}: ${error.message}`)
        failed.push({ name: target.name, error })
      }
    }
  }
  for (const copy of copiesOf(options, archives)) {
    try {
      done.push(await copyAway(options, copy))
    } catch (error) {
      verbs.signal.throwIfAborted()
      if (!isHomelabError(error)) throw error
      const name = `the copy of ${copy.archive.name} in ${copy.repository.name}`
      verbs.log(`${name}: ${error.message}`)
      failed.push({ name, error })
    }
  }
  const [first] = failed
  if (first === undefined) return done
  throw new HomelabError(
    first.error.code,
    `${done.length} of ${done.length + failed.length} are saved; not ${failed.map(({ name }) => name).join(', ')}: ${first.error.message}`,
    { ...(first.error.hint === undefined ? {} : { hint: first.error.hint }), cause: first.error },
  )
}

interface One extends GuestBackupOptions {
  readonly repository: string
  readonly storage: string
}

async function backUpGuest(target: Target, one: One): Promise<Done> {
  const { plan, repository, storage, services, verbs } = one
  const { proxmox, clock, lab } = services
  const { guest, name } = target
  const began = clock.monotonic()
  // Compressed by vzdump, nothing of one archive is found again in the next.
  const again = repositoriesOf(lab.inventory, plan).length > 0
  const request: BackupRequest = {
    node: guest.node,
    vmids: [guest.vmid],
    storage,
    mode: plan.mode,
    compress: compressionOf(plan.compress ?? (again ? 'none' : 'zstd')),
    ...(plan.protected ? { protected: true } : {}),
    notes: notesOf(plan),
    // Not by the storage's own rule either: what is over is removed below, when the new one is as it should be.
    prune: 'none',
  }
  const step = `${repository}: vzdump ${guest.vmid}`
  const already = await verbs.step<Json>(`${step}: since it was due`, async () => {
    const saved = await guestSavedSince(target, request, one)
    return saved === undefined ? null : ({ ...saved } as unknown as Json)
  })
  if (already !== null) return { ...(already as unknown as BackupDone), repository, guest: name }
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
  const [found] = await archivesOf(proxmox, request, upid, verbs.signal)
  if (found === undefined) throw new HomelabError('bug', `No archive of ${name}, and no error.`)
  for (const { key, target: mount, why } of found.log.excluded)
    verbs.log(`${name}: ${key} (${mount}) is not in it: ${why}`)
  return {
    repository,
    guest: name,
    snapshot: found.archive.volid,
    files: 1,
    bytes: found.archive.size,
    ms: Math.round(clock.monotonic() - began),
    shrunk: [],
  }
}

const compressionOf = (wanted: NonNullable<GuestPlan['compress']>): BackupRequest['compress'] =>
  wanted === 'none' ? '0' : wanted

/** @returns why nothing was removed */
async function removeOld({ guest, name }: Target, one: One): Promise<Done['shrunk']> {
  const { plan, storage, repository, services, verbs } = one
  const place = { plan, storage, guest, proxmox: services.proxmox }
  const step = `${repository}: old archives of ${guest.vmid}`
  try {
    const over = await verbs.step(step, async () => {
      const options = { now: services.clock.now(), signal: verbs.signal }
      const { remove, shrunk, failed, note } = await archivesOver(place, options)
      if (failed !== undefined) verbs.log(`nothing older is removed: ${failedText(name, failed)}`)
      return { remove: [...remove], shrunk: shrunk.map((each) => ({ ...each })), ...noteJson(note) }
    })
    await removeArchives(place, over, verbs, step)
    return over.shrunk
  } catch (error) {
    verbs.signal.throwIfAborted()
    if (!isHomelabError(error)) throw error
    const { code, message, hint } = error
    throw new HomelabError(code, `${name} is saved, but its old archives stay: ${message}`, {
      ...(hint === undefined ? {} : { hint }),
      cause: error,
    })
  }
}

/** How a guest of the plan is called in a repository of restic: each is judged, counted and pruned by itself. */
export const copyName = (plan: { readonly name: string }, vmid: number): string => `${plan.name}.${vmid}`

/** The plan of restic that keeps the archives of one guest. */
export const copyPlan = (
  plan: GuestPlan,
  vmid: number,
  node: string,
  paths: readonly string[],
): NamedPlan => ({
  ...plan,
  name: copyName(plan, vmid),
  part: { plan: plan.name, vmid },
  title: `${titleOf(plan)} (${vmid})`,
  method: 'restic',
  node,
  paths: [...paths],
  service: undefined,
  exclude: undefined,
  drill: undefined,
})

interface Copy {
  readonly repository: ResticRepository
  readonly archive: SavedArchive
}

/** Each archive, into each of the plan's repositories of restic. */
const copiesOf = (
  { plan, repositories, services }: GuestBackupOptions,
  archives: readonly SavedArchive[],
): readonly Copy[] =>
  repositoriesOf(services.lab.inventory, plan)
    .filter(({ name }) => repositories.includes(name))
    .flatMap((repository) => archives.map((archive) => ({ repository, archive })))

/** From where the storage keeps it. */
async function copyAway(
  { plan, services, verbs, init, due }: GuestBackupOptions,
  { repository, archive: { node, vmid, name, volid } }: Copy,
): Promise<Done> {
  const { code, stdout, stderr } = await services.shells
    .host(node)
    .exec(['pvesm', 'path', volid], { signal: verbs.signal })
  if (code !== 0)
    throw new HomelabError('failed', `${node} does not say where ${volid} is: ${stderr.trim()}`, {
      hint: 'Only a storage with folders (dir, nfs, cifs) can be copied by restic.',
    })
  verbs.report({ text: `copying ${name} to ${repository.name}` })
  const copy = copyPlan(plan, vmid, node, [stdout.trim()])
  const step = `${repository.name}: ${vmid}`
  return { ...(await backUpOnce({ plan: copy, repository, services, verbs, init, due, step })), guest: name }
}
