/** One look of the Proxmox VE Trigger: what is asked of Proxmox, and what came of it. */
import { isHomelabError } from '@homelab/core'
import type { Guest, Overview, Proxmox, Task } from '@homelab/core/proxmox'
import { backupEvent, staleBackups } from './backups.ts'
import { changedGuests, guestEvent } from './guests.ts'
import type { Settings } from './settings.ts'
import { fullest, fullStorages } from './storages.ts'
import { endedTasks, newestEnded, nodesWithGaps } from './tasks.ts'
import type { BackupMemory, Found, Memory, TaskMemory, TriggerEvent } from './types.ts'

/** Tasks of which one look reads the log: each is a call. */
const MOST_LOGS = 20
const LOG_LINES = 30
/** Tasks that a node is asked for when the cluster's list may not have had all. */
const NODE_TASKS = 500
/** Seconds: a task that ended now may have begun so long ago. */
const LONG_TASK = 3 * 24 * 3600

/** @param now seconds since the epoch */
export async function look(
  proxmox: Proxmox,
  settings: Settings,
  before: Memory,
  now: number,
): Promise<Found<Memory>> {
  const memory: { -readonly [K in keyof Memory]: Memory[K] } = { ...before }
  const events: TriggerEvent[] = []
  const take = <M>(found: Found<M>): M => {
    events.push(...found.events)
    return found.memory
  }
  const { wants } = settings
  let known: Overview | undefined
  const overviewNow = async () => (known ??= await proxmox.overview())
  if (wants('guestStateChanged') || wants('storageOverThreshold') || wants('backupStale')) {
    const overview = await overviewNow()
    // Nothing to see is not the same as nothing there: the memory stays.
    if (!overview.filtered) {
      if (wants('guestStateChanged')) memory.guests = take(changedGuests(overview.guests, before.guests))
      if (wants('storageOverThreshold'))
        memory.storages = take(fullStorages(overview.storages, before.storages, settings.threshold))
      if (wants('backupStale') && now - (before.backups?.at ?? 0) >= settings.backups.every)
        memory.backups = take(await backupsNow(proxmox, overview, settings, before.backups, now))
    }
  }
  if (wants('taskFinished') || wants('taskFailed')) {
    const found = await tasksNow(proxmox, before.tasks, now)
    memory.tasks = found.memory
    events.push(...(await withNames(found.events, overviewNow)))
  }
  const wanted = events.filter((event) => settings.concerns(event))
  return { memory, events: await withLogs(proxmox, wanted, settings) }
}

/** A task knows its guest by VMID only. */
async function withNames(
  events: readonly TriggerEvent[],
  overview: () => Promise<Overview>,
): Promise<readonly TriggerEvent[]> {
  if (events.every(({ vmid }) => vmid === undefined)) return events
  const names = new Map((await overview()).guests.map(({ vmid, name }) => [vmid, name]))
  return events.map((event) => {
    const name = names.get(Number(event.vmid))
    return name === undefined ? event : { ...event, name }
  })
}

async function tasksNow(
  proxmox: Proxmox,
  before: TaskMemory | undefined,
  now: number,
): Promise<Found<TaskMemory>> {
  const listed = await proxmox.tasks.list({ limit: NODE_TASKS })
  const more: Task[] = []
  for (const node of nodesWithGaps(listed, before)) {
    const since = (before?.nodes[node]?.at ?? now) - LONG_TASK
    more.push(...(await proxmox.tasks.list({ node, since, limit: NODE_TASKS })))
  }
  const all = new Map([...listed, ...more].map((task) => [task.upid, task]))
  return endedTasks([...all.values()], before, now)
}

async function backupsNow(
  proxmox: Proxmox,
  overview: Overview,
  settings: Settings,
  before: BackupMemory | undefined,
  now: number,
): Promise<Found<BackupMemory>> {
  const { newest, complete } = await newestBackups(proxmox, overview)
  const guests = overview.guests.filter((guest) => settings.hasGuest(guest))
  return staleBackups({ guests, newest, complete, now, maxAge: settings.backups.maxAge }, before)
}

async function newestBackups(
  proxmox: Proxmox,
  { storages }: Overview,
): Promise<{ readonly newest: ReadonlyMap<number, number>; readonly complete: boolean }> {
  const newest = new Map<number, number>()
  let complete = true
  const asked = new Set<string>()
  for (const { storage, node, shared, status, content } of storages) {
    if (!content.includes('backup')) continue
    const key = shared ? storage : `${node}/${storage}`
    if (asked.has(key)) continue
    if (status !== 'available') {
      // Another node may reach it.
      complete &&= shared && storages.some((each) => each.storage === storage && each.status === 'available')
      continue
    }
    asked.add(key)
    try {
      for (const { vmid, ctime } of await proxmox.backups.archives({ node, storage }))
        if (vmid !== undefined) newest.set(vmid, Math.max(newest.get(vmid) ?? 0, ctime))
    } catch (error) {
      // It went away between the two questions. A right that is missing is to be told.
      if (!isHomelabError(error) || !['failed', 'timeout'].includes(error.code)) throw asError(error)
      complete = false
    }
  }
  return { newest, complete }
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))

async function withLogs(
  proxmox: Proxmox,
  events: readonly TriggerEvent[],
  { taskLog }: Settings,
): Promise<readonly TriggerEvent[]> {
  if (!taskLog) return events
  let left = MOST_LOGS
  const full: TriggerEvent[] = []
  for (const event of events) {
    if (event.event !== 'taskFailed' || left-- <= 0) {
      full.push(event)
      continue
    }
    const log = await proxmox.tasks.log(String(event.upid), { limit: LOG_LINES }).catch(() => [])
    full.push({ ...event, log: [...log] })
  }
  return full
}

/** What there is of each kind, for the editor: one of each, marked as an example. Nothing is remembered. */
export async function examples(
  proxmox: Proxmox,
  settings: Settings,
  now: number,
): Promise<readonly TriggerEvent[]> {
  const { wants } = settings
  const overview = await proxmox.overview()
  const tasks =
    wants('taskFinished') || wants('taskFailed') ? await proxmox.tasks.list({ limit: NODE_TASKS }) : []
  const guest: Guest | undefined = overview.guests.find((each) => !each.template && settings.hasGuest(each))
  const found = [
    guest && guestEvent(guest, guest.status === 'running' ? 'stopped' : 'running', guest.status),
    newestEnded(tasks, false),
    newestEnded(tasks, true),
    fullest(overview.storages, settings.threshold.percent),
    guest && backupEvent(guest, undefined, { now, maxAge: settings.backups.maxAge }),
  ]
  const wanted = found.filter((event) => event !== undefined).filter(({ event }) => wants(event))
  return (await withLogs(proxmox, wanted, settings)).map((event) => ({ ...event, example: true }))
}
