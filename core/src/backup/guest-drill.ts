/** The proof of a guest's archive: restored under a scratch VMID with its network off, started, asked, and destroyed. */
import { HomelabError, isHomelabError } from '../errors.ts'
import type { Json, Verbs } from '../operation/types.ts'
import type { Shell } from '../ports.ts'
import type { RestoreRequest } from '../proxmox/backup-types.ts'
import { typeOfArchive } from '../proxmox/backups.ts'
import { reachesOut } from '../proxmox/guest-config.ts'
import type { GuestRef, TaskEnd } from '../proxmox/types.ts'
import type { Shells } from '../shell/types.ts'
import {
  destroyScratch,
  isScratchOf,
  type ScratchPlan,
  type ScratchRange,
  type ScratchServices,
  scratchConfig,
  scratchPlan,
  scratchRange,
} from './scratch.ts'

export interface GuestDrillRequest {
  /** Of the run, in the notes of the scratch guest: only a guest with it is destroyed. */
  readonly run: string
  readonly node: string
  /** Volume id. */
  readonly archive: string
  /** Where the copy's disks go. */
  readonly storage: string
  readonly range?: ScratchRange
  /** Seconds that it gets to run. Default 120. */
  readonly bootSeconds?: number
  /** Containers only: asks the running copy, by commands inside it. Whatever it throws is the drill's failure. */
  readonly check?: (shell: Shell, signal: AbortSignal) => Promise<Json>
}

export interface GuestDrillServices extends ScratchServices {
  readonly shells: Shells
}

export interface GuestDrillResult {
  readonly vmid: number
  readonly restoreSeconds: number
  readonly bootSeconds: number
  /** What the check said; null without one. */
  readonly check: Json
  /** Mount points that are in no archive, so that nothing was proven of them. */
  readonly leftOut: readonly string[]
}

/** VMIDs that are tried: each was free when it was looked up, and another drill may be faster. */
const TRIES = 5

/**
 * The guest is destroyed in every case: here, or by an undo when the run fails, is cancelled or was cut off by a crash.
 * @throws HomelabError of what did not work; `conflict` when no VMID of the range is free, or the copy would touch the host
 */
export async function drillGuest(
  request: GuestDrillRequest,
  services: GuestDrillServices,
  verbs: Verbs,
): Promise<GuestDrillResult> {
  if (!/^[\w-]+$/.test(request.run)) throw new HomelabError('bug', `"${request.run}" is no id of a run`)
  const type = typeOfArchive(request.archive)
  if (type === undefined) throw new HomelabError('usage', `${request.archive} is no archive of a guest.`)
  if (request.check !== undefined && type === 'qemu')
    throw new HomelabError('usage', 'Commands run inside containers only: a VM is only started.')
  verbs.report({ text: `Reading the configuration in ${request.archive}` })
  const archived = await verbs.step('drill: configuration', async () => {
    const config = await services.proxmox.backups.config(request)
    return { ...config }
  })

  const { guest, plan, upid } = await restore(request, type, archived, services, verbs)
  const restored = (await verbs.follow<Json>(`drill: restore task ${guest.vmid}`, async (signal) => {
    const report = (progress: Parameters<Verbs['report']>[0]) => verbs.report(progress)
    const end = await services.proxmox.backups.wait(upid, {
      signal,
      report,
      mayHaveEnded: true,
      stopOnAbort: true,
    })
    return end as unknown as Json
  })) as unknown as TaskEnd
  await verbs.step(`drill: isolate ${guest.vmid}`, async () => {
    await isolate(guest, request.run, plan, services)
    return null
  })
  const bootSeconds = await start(guest, request, services, verbs)
  const check = await ask(guest, request, services, verbs)
  verbs.report({ text: `Destroying the scratch guest ${guest.vmid}` })
  await verbs.step(`drill: destroy ${guest.vmid}`, async () => {
    await destroyOwn(guest, request.run, services)
    return null
  })
  if ('error' in check) throw check.error
  return {
    vmid: guest.vmid,
    restoreSeconds: restored.seconds,
    bootSeconds,
    check: check.value,
    leftOut: plan.leftOut,
  }
}

interface Restored {
  readonly guest: GuestRef
  readonly plan: ScratchPlan
  readonly upid: string
}

async function restore(
  request: GuestDrillRequest,
  type: GuestRef['type'],
  archived: Readonly<Record<string, string>>,
  services: GuestDrillServices,
  verbs: Verbs,
): Promise<Restored> {
  const { node, run, archive, storage } = request
  const { proxmox } = services
  const tried: number[] = []
  for (let attempt = 1; ; attempt += 1) {
    const vmid = await verbs.step(`drill: VMID ${attempt}`, () =>
      freeVmid(request, services, tried, verbs.signal),
    )
    tried.push(vmid)
    const guest: GuestRef = { vmid, type, node, name: `drill-${vmid}` }
    const plan = scratchPlan(type, archived, { vmid, run, storage, archive })
    const order: RestoreRequest = {
      node,
      vmid,
      type,
      archive,
      storage,
      config: plan.lines,
      ...(type === 'lxc' && archived.unprivileged === '1' ? { unprivileged: true } : {}),
    }
    // Known before the change: whatever becomes of it, and of us, is cleared away.
    const mine = { sent: true }
    verbs.undo(`destroy the scratch guest ${vmid}`, async () => {
      if (mine.sent) await destroyOwn(guest, run, services)
    })
    verbs.report({ text: `Restoring ${archive} as ${vmid}, with its network off` })
    try {
      const upid = await verbs.change<string>(`drill: restore as ${vmid}`, {
        act: () => proxmox.backups.restore(order),
        find: ({ since, claimed }) => proxmox.backups.findRestore(order, since, claimed),
      })
      verbs.log(`restore of ${archive} as ${vmid}: ${upid}`)
      return { guest, plan, upid }
    } catch (error) {
      const taken = isHomelabError(error) && error.code !== 'unclear' && /already exists/.test(error.message)
      if (!taken) throw error
      // Somebody else's guest, then: ours was refused.
      mine.sent = false
      if (attempt === TRIES) throw error
      verbs.log(`${vmid} was taken meanwhile`)
    }
  }
}

async function freeVmid(
  { range = scratchRange }: GuestDrillRequest,
  { proxmox }: GuestDrillServices,
  tried: readonly number[],
  signal: AbortSignal,
): Promise<number> {
  const { guests } = await proxmox.overview(signal)
  const used = new Set([...guests.map(({ vmid }) => vmid), ...tried])
  for (let vmid = range.first; vmid <= range.last; vmid += 1) {
    // The overview shows neither what was made just now nor what we may not see.
    if (!used.has(vmid) && (await proxmox.isFree(vmid, signal))) return vmid
  }
  throw new HomelabError('conflict', `Every VMID from ${range.first} to ${range.last} is taken.`, {
    hint: 'They are for drills alone. `guest list` shows what has them; those tagged homelab-drill are left over.',
  })
}

/** Takes from the copy what the call that restores cannot leave out. Whether it is alone then is asked before its start. */
async function isolate(
  guest: GuestRef,
  run: string,
  { remove }: Pick<ScratchPlan, 'remove'>,
  services: GuestDrillServices,
): Promise<void> {
  const config = await assertOwn(guest, run, services)
  const there = remove.filter((key) => config[key] !== undefined)
  if (there.length > 0) {
    // Devices and hook scripts are root's alone in the API, and no token of root is root.
    const shell = services.shells.host(guest.node)
    const result = await shell.exec(['pct', 'set', String(guest.vmid), '--delete', there.join(',')])
    if (result.code !== 0)
      throw new HomelabError(
        'failed',
        `pct could not take ${there.join(', ')} from ${guest.vmid}: ${result.stderr.trim()}`,
        { data: { ofArchive: false } },
      )
  }
}

async function assertOwn(guest: GuestRef, run: string, services: GuestDrillServices) {
  const config = await scratchConfig(guest, services)
  if (config !== undefined && isScratchOf(config, run)) return config
  throw new HomelabError('conflict', `${guest.vmid} on ${guest.node} is not the copy that this drill made.`, {
    hint: 'It was left alone. Look at it with `guest show`.',
  })
}

async function assertAlone(guest: GuestRef, run: string, services: GuestDrillServices): Promise<void> {
  const reasons = reachesOut(guest.type, await assertOwn(guest, run, services))
  if (reasons.length === 0) return
  throw new HomelabError(
    'conflict',
    `The copy ${guest.vmid} was not started, because ${reasons.join(', ')}.`,
    {
      hint: 'A copy that runs beside its original must touch nothing of it.',
      data: { reasons },
    },
  )
}

/** @returns seconds from the start to running */
async function start(
  guest: GuestRef,
  { run, bootSeconds = 120 }: GuestDrillRequest,
  services: GuestDrillServices,
  verbs: Verbs,
): Promise<number> {
  const { proxmox, clock } = services
  verbs.report({ text: `Starting ${guest.vmid}` })
  const upid = await verbs.change<string>(`drill: start ${guest.vmid}`, {
    act: async () => {
      // Right before, and from its configuration as it is: what was asked for is no proof of what it has.
      await assertAlone(guest, run, services)
      return await proxmox.power(guest, 'start')
    },
    find: ({ since, claimed }) =>
      proxmox.tasks.latest(guest, proxmox.powerTask(guest, 'start'), since, claimed),
  })
  return await verbs.follow(`drill: running ${guest.vmid}`, async (signal) => {
    const end = await proxmox.tasks.wait(upid, { signal, mayHaveEnded: true, stopOnAbort: true })
    const began = clock.monotonic()
    for (;;) {
      const { status } = await proxmox.guestStatus(guest, signal)
      const waited = (clock.monotonic() - began) / 1000
      if (status === 'running') return Math.round(end.seconds + waited)
      if (waited >= bootSeconds)
        throw new HomelabError(
          'timeout',
          `The copy ${guest.vmid} is ${status} and not running after ${bootSeconds} s.`,
          { data: { ofArchive: true } },
        )
      await clock.sleep(1_000, signal)
    }
  })
}

/**
 * The check's failure is a result: the guest is destroyed first. Being told to stop is not. That it does not run any more
 * is a failure too: it ran a moment ago.
 */
async function ask(
  guest: GuestRef,
  { check }: GuestDrillRequest,
  { shells }: GuestDrillServices,
  verbs: Verbs,
): Promise<{ value: Json } | { error: unknown }> {
  if (check === undefined) return { value: null }
  verbs.report({ text: `Asking ${guest.vmid}` })
  try {
    return {
      value: await verbs.follow(`drill: check ${guest.vmid}`, (signal) => check(shells.guest(guest), signal)),
    }
  } catch (error) {
    verbs.signal.throwIfAborted()
    if (!isHomelabError(error) || error.code !== 'conflict') return { error }
    const { message, data } = error
    return {
      error: new HomelabError(
        'failed',
        `The copy ${guest.vmid} started, and stopped before it could be asked: ${message}.`,
        {
          hint: 'Restore it with `guest restore`, and look at its journal.',
          data: { ...data, ofArchive: true },
          cause: error,
        },
      ),
    }
  }
}

async function destroyOwn(guest: GuestRef, run: string, services: GuestDrillServices): Promise<void> {
  if (await destroyScratch(guest, run, services)) return
  throw new HomelabError(
    'conflict',
    `${guest.vmid} on ${guest.node} does not carry the mark of this drill, so it was left alone.`,
    {
      hint: 'When it is left over from a restore that broke off, destroy it by hand.',
      data: { vmid: guest.vmid, node: guest.node },
    },
  )
}
