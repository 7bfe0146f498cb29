/** Before an update: something to go back to. After one that failed: back. */
import { archivesOf } from '../../backup/archives.ts'
import { HomelabError } from '../../errors.ts'
import type { Lab, Target } from '../../inventory/types.ts'
import { prefixed } from '../../operation/prefixed.ts'
import type { Json, Needed, Verbs } from '../../operation/types.ts'
import type { BackupRequest } from '../../proxmox/backup-types.ts'
import { configLines, mountsOf } from '../../proxmox/guest-config.ts'
import type { GuestRef, Proxmox } from '../../proxmox/types.ts'
import { storageFor } from '../guest/places.ts'
import { powerGuest } from '../guest/power.ts'
import { guestRestore } from '../guest/restore.ts'
import type { PowerResult } from '../schemas.ts'
import { changeSnapshots } from '../snapshot/change.ts'

export type Services = Needed<readonly ['lab', 'proxmox', 'health', 'shells', 'clock']>

export type Secured =
  | { readonly by: 'snapshot'; readonly name: string }
  | { readonly by: 'backup'; readonly storage: string; readonly archive: string }
  | { readonly by: 'nothing' }

/** How it will be: decided for the plan, and once more at the start. */
export type Way =
  | { readonly by: 'snapshot' }
  | {
      readonly by: 'backup'
      readonly storage: string
      readonly why: string
      readonly leftOut: readonly string[]
    }
  | { readonly by: 'nothing' }

const PREFIX = 'before-update-'
/** By both, ours are told from those that people name so. */
const DESCRIPTION = 'Taken by homelab before an update'

/** `before-update-2026-11-26-093312` */
export const snapshotName = (now: Date): string =>
  PREFIX + now.toISOString().slice(0, 19).replace('T', '-').replaceAll(':', '')

/** @throws HomelabError `conflict` when a snapshot was asked for and is impossible, as `storageFor` */
export async function wayFor(
  target: Target,
  wanted: 'auto' | 'snapshot' | 'backup' | 'nothing',
  storage: string | undefined,
  { lab, proxmox }: { readonly lab: Lab; readonly proxmox: Proxmox },
  signal: AbortSignal,
): Promise<Way> {
  const { guest, name } = target
  if (wanted === 'nothing') return { by: 'nothing' }
  const obstacle = wanted === 'backup' ? undefined : await proxmox.snapshots.obstacle(guest, signal)
  if (wanted !== 'backup' && obstacle === undefined) return { by: 'snapshot' }
  if (wanted === 'snapshot')
    throw new HomelabError('conflict', `${name} can have no snapshots: ${obstacle ?? ''}.`, {
      hint: 'Leave `secure` out: then an archive is made of it before.',
      data: { vmid: guest.vmid },
    })
  const overview = await lab.overview({ signal })
  const ours = lab.inventory.repositories.flatMap((each) => each.storage ?? [])
  const mounts = mountsOf(guest.type, configLines(await proxmox.guestConfig(guest, signal)))
  return {
    by: 'backup',
    storage: storageFor(overview, guest.node, 'backup', storage, ours),
    why: obstacle ?? 'as it was asked for',
    leftOut: mounts.filter(({ inArchive }) => !inArchive).map(({ source }) => source),
  }
}

/** @returns what there is to go back to; the guest runs on meanwhile */
export async function secure(
  target: Target,
  way: Way,
  name: string,
  { proxmox }: Services,
  verbs: Verbs,
): Promise<Secured> {
  const { guest } = target
  if (way.by === 'nothing') return { by: 'nothing' }
  if (way.by === 'snapshot') {
    await changeSnapshots(
      target,
      {
        action: 'create',
        name,
        doing: `Taking the snapshot "${name}" of ${target.name}`,
        act: () => proxmox.snapshots.create(guest, name, { description: DESCRIPTION }),
        reached: ({ snapshots }) => snapshots.some((each) => each.name === name && each.state === undefined),
        otherwise: `${target.name} has no finished snapshot "${name}"`,
      },
      proxmox,
      verbs,
    )
    return { by: 'snapshot', name }
  }
  const request: BackupRequest = {
    node: guest.node,
    vmids: [guest.vmid],
    storage: way.storage,
    mode: 'snapshot',
    compress: 'zstd',
    notes: '{{guestname}}, before an update',
    prune: 'none',
  }
  verbs.report({ text: `saving ${target.name}` })
  const upid = await verbs.change<string>('secure: vzdump', {
    act: () => proxmox.backups.start(request),
    find: ({ since, claimed }) => proxmox.backups.findStart(request, since, claimed),
  })
  verbs.log(`vzdump of ${guest.vmid}: ${upid}`)
  await verbs.follow<Json>('secure: task', async (signal) => {
    const report = (progress: Parameters<typeof verbs.report>[0]) => verbs.report(progress)
    const options = { signal, report, mayHaveEnded: true, stopOnAbort: true }
    return (await proxmox.backups.wait(upid, options)) as unknown as Json
  })
  const archive = await verbs.step('secure: look', async () => {
    const [found] = await archivesOf(proxmox, request, upid, verbs.signal)
    if (found === undefined) throw new HomelabError('bug', `No archive of ${target.name}, and no error.`)
    return found.archive.volid
  })
  return { by: 'backup', storage: way.storage, archive }
}

/** `local:backup/vzdump-lxc-110-….tar.zst` → its name. */
export const archiveFile = (volid: string): string => volid.split('/').at(-1) ?? volid

/** As it was before, and running. @returns how it is then */
export async function goBack(
  target: Target,
  secured: Exclude<Secured, { by: 'nothing' }>,
  services: Services,
  verbs: Verbs,
): Promise<PowerResult> {
  const { proxmox } = services
  const { guest, name } = target
  const inner = prefixed(verbs, 'back')
  if (secured.by === 'snapshot') {
    await changeSnapshots(
      target,
      {
        action: 'rollback',
        name: secured.name,
        doing: `Rolling ${name} back to "${secured.name}"`,
        act: () => proxmox.snapshots.rollback(guest, secured.name),
        reached: ({ current }) => current === secured.name,
        otherwise: `${name} does not stand on "${secured.name}"`,
      },
      proxmox,
      inner,
    )
  } else {
    await powerGuest(target, { action: 'stop', wait: false, force: true, timeout: 60 }, services, inner)
    const input = guestRestore.input.parse({
      guest: String(guest.vmid),
      archive: archiveFile(secured.archive),
      inplace: true,
    })
    const { missing } = await guestRestore.run(input, services, prefixed(inner, 'restore'))
    if (missing.length > 0)
      throw new HomelabError('failed', `${name} came back without ${missing.join(', ')} of the host.`, {
        hint: `On ${guest.node}, as root: \`pct set ${guest.vmid} …\`, then \`start ${name}\`.`,
      })
  }
  return await powerGuest(target, { action: 'start', wait: true, force: false, timeout: 60 }, services, inner)
}

/**
 * The same when the run was stopped: an undo has no verbs. Done twice it is as done once. An archive is left to a person,
 * as its restore destroys the disks first.
 */
export async function backAfterStop(
  guest: GuestRef,
  secured: Secured,
  { proxmox, clock }: Pick<Services, 'proxmox' | 'clock'>,
): Promise<void> {
  if (secured.by === 'backup')
    throw new HomelabError('failed', `it stays as the update left it; its archive is on ${secured.storage}`)
  if (secured.by === 'nothing') throw new HomelabError('failed', 'there is nothing to go back to')
  await proxmox.tasks.wait(await proxmox.snapshots.rollback(guest, secured.name))
  // Its lock is still held for a moment after its task.
  await clock.sleep(500)
  if ((await proxmox.guestStatus(guest)).status === 'stopped')
    await proxmox.tasks.wait(await proxmox.power(guest, 'start'))
}

/** Snapshots of earlier updates, which this one has made needless. What cannot be removed is said, and no failure. */
export async function tidy(
  target: Target,
  name: string,
  { proxmox }: Services,
  verbs: Verbs,
): Promise<readonly string[]> {
  const stays = (what: string) => (error: unknown) => {
    verbs.signal.throwIfAborted()
    verbs.log(`${what}: ${error instanceof Error ? error.message : String(error)}`)
    return []
  }
  const earlier = await verbs
    .step('earlier snapshots', async () => {
      const { snapshots } = await proxmox.snapshots.list(target.guest, verbs.signal)
      return snapshots
        .filter((each) => each.name.startsWith(PREFIX) && each.description === DESCRIPTION)
        .map((each) => each.name)
        .filter((each) => each !== name)
    })
    .catch(stays('earlier snapshots stay'))
  const removed: string[] = []
  for (const each of earlier) {
    try {
      await changeSnapshots(
        target,
        {
          action: 'delete',
          name: each,
          doing: `Deleting "${each}" of ${target.name}`,
          act: () => proxmox.snapshots.remove(target.guest, each),
          reached: ({ snapshots }) => !snapshots.some((other) => other.name === each),
          otherwise: `the snapshot "${each}" of ${target.name} is still there`,
        },
        proxmox,
        verbs,
      )
      removed.push(each)
    } catch (error) {
      stays(`"${each}" stays`)(error)
    }
  }
  return removed
}
