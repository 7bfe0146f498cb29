/** Backups and restores by Proxmox itself: vzdump, its archives, and guests made of them. */
import { HomelabError, isHomelabError } from '../errors.ts'
import { type BackupFacts, explain } from './backup-errors.ts'
import { readBackupLog } from './backup-log.ts'
import type { Archive, BackupRequest, Backups, PruneRule, RestoreRequest } from './backup-types.ts'
import type { Client } from './client.ts'
import { parseConfig } from './guest-config.ts'
import { nodeOf } from './moved.ts'
import { at, type Params } from './path.ts'
import { ArchiveRow, Permissions, PruneRow, read, TaskRow, VolumeNotes } from './schemas.ts'
import type { GuestType, Tasks, WaitOptions } from './types.ts'
import { describeTask, parseUpid, tryParseUpid } from './upid.ts'

interface Place {
  readonly node: string
  readonly archive: string
}

const storageOf = (volid: string): string => volid.split(':')[0] ?? volid
const contentOf = ({ node, archive }: Place): string =>
  at`/nodes/${node}/storage/${storageOf(archive)}/content/${archive}`

/** `vzdump-lxc-110-…` of any storage, `ct/110/…` of a Proxmox Backup Server. */
export function typeOfArchive(volid: string): GuestType | undefined {
  const [, name] = /(?:vzdump-|backup\/)(lxc|qemu|ct|vm)[-/]/.exec(volid) ?? []
  if (name === undefined) return undefined
  return name === 'lxc' || name === 'ct' ? 'lxc' : 'qemu'
}

/** `keep-last=2,keep-daily=7`. @throws HomelabError `usage` for a rule that would keep nothing */
export function pruneText(rule: PruneRule): string {
  const parts = Object.entries(rule).filter(([, count]) => typeof count === 'number' && count > 0)
  if (parts.length > 0) return parts.map(([name, count]) => `keep-${name}=${count}`).join(',')
  throw new HomelabError(
    'usage',
    'A rule for pruning must keep something: with nothing in it, Proxmox keeps all.',
  )
}

// A line break is `\n` in the template, and then a backslash has to be two.
const notesTemplate = (notes: string): string => notes.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')

const list = (vmids: readonly number[]): string => vmids.join(', ')

const factsOf = (request: BackupRequest): BackupFacts => ({
  what: `The backup of ${list(request.vmids)} on ${request.node}`,
  node: request.node,
  storage: request.storage,
})

const factsOfRestore = (request: RestoreRequest): BackupFacts => ({
  what: `The restore of ${request.vmid} on ${request.node}`,
  node: request.node,
  storage: request.storage,
  archive: request.archive,
})

function startParams(request: BackupRequest): Params {
  if (request.vmids.length === 0) throw new HomelabError('usage', 'A backup needs at least one guest.')
  return {
    vmid: request.vmids.join(','),
    storage: request.storage,
    mode: request.mode,
    compress: request.compress,
    'prune-backups':
      typeof request.prune === 'object'
        ? pruneText(request.prune)
        : request.prune === 'keep-all'
          ? 'keep-all=1'
          : undefined,
    remove: request.prune === 'none' ? false : undefined,
    'notes-template': request.notes === undefined ? undefined : notesTemplate(request.notes),
    protected: request.protected,
    lockwait: request.lockWaitMinutes,
    bwlimit: request.bwlimit,
  }
}

function restoreParams(request: RestoreRequest): Params {
  const { vmid, type, archive, storage, unique, force, unprivileged, bwlimit, config = {} } = request
  if (unique === true && Object.keys(config).some((key) => /^net\d+$/.test(key))) {
    throw new HomelabError(
      'usage',
      'With new MAC addresses, Proxmox takes the networks of the archive, not those given.',
      {
        hint: 'Leave the address out of each network instead: it gets a new one then.',
      },
    )
  }
  const shared = { ...config, vmid, storage, unique: unique || undefined, force: force || undefined, bwlimit }
  if (type === 'qemu') return { ...shared, archive }
  return { ...shared, ostemplate: archive, restore: true, unprivileged }
}

function toArchive(row: ReturnType<typeof ArchiveRow.parse>): Archive {
  const named = row.subtype === 'lxc' || row.subtype === 'qemu' ? row.subtype : undefined
  const type = named ?? typeOfArchive(row.volid)
  return {
    volid: row.volid,
    ...(row.vmid === undefined ? {} : { vmid: row.vmid }),
    ...(type === undefined ? {} : { type }),
    size: row.size,
    ctime: row.ctime,
    format: row.format,
    ...(row.notes === undefined ? {} : { notes: row.notes }),
    protected: row.protected,
    encrypted: row.encrypted !== undefined && row.encrypted !== null,
    ...(row.verification === undefined ? {} : { verification: row.verification.state }),
  }
}

export function createBackups(client: Client, tasks: Tasks): Backups {
  async function post(path: string, params: Params, facts: BackupFacts): Promise<string> {
    let data: unknown
    try {
      data = (await client.send('POST', path, params)).data
    } catch (error) {
      throw explain(error, facts)
    }
    const upid = tryParseUpid(data)
    if (upid !== undefined) return upid.text
    throw new HomelabError(
      'conflict',
      `${facts.what} was not begun: Proxmox found nothing to do on ${facts.node}.`,
      {
        hint: 'Is the guest still there, or on another node by now? `guest list` shows where each is.',
        data: { path, answer: data === undefined ? null : data, nothing: true },
      },
    )
  }

  /** Of a guest that is elsewhere Proxmox saves nothing, and says so only by starting no task: then once more there. */
  async function start(request: BackupRequest): Promise<string> {
    const send = (node: string) =>
      post(at`/nodes/${node}/vzdump`, startParams(request), factsOf({ ...request, node }))
    const [vmid, ...others] = request.vmids
    try {
      return await send(request.node)
    } catch (error) {
      const idle = isHomelabError(error) && (error.data?.nothing === true || error.data?.status === 595)
      if (!idle || vmid === undefined || others.length > 0) throw error
      const now = await nodeOf(client, { vmid }).catch(() => undefined)
      if (now === undefined || now === request.node) throw error
      return await send(now)
    }
  }

  /** A job of several guests has no VMID in its UPID: the first line of its log names them. */
  async function findJob(
    { node, vmids }: BackupRequest,
    since: Date,
    claimed: (upid: string) => boolean,
  ): Promise<string | undefined> {
    const path = at`/nodes/${node}/tasks`
    const { data, clockOffset } = await client.get(path, { query: { source: 'all', typefilter: 'vzdump' } })
    const earliest = (since.getTime() + clockOffset) / 1000 - 1
    for (const row of read(TaskRow.array(), data, path)) {
      const upid = tryParseUpid(row.upid)
      if (upid === undefined || upid.id !== '' || upid.user !== client.auth.user) continue
      if (upid.startTime < earliest || claimed(upid.text)) continue
      const lines = await tasks.log(upid.text)
      const named = /vzdump ((?:\d+ )+)/.exec(lines.find((line) => line.includes('vzdump ')) ?? '')?.[1]
      if (named !== undefined && named.trim().split(' ').join() === vmids.join()) return upid.text
    }
    return undefined
  }

  async function wait(text: string, options: WaitOptions = {}) {
    try {
      return await tasks.wait(text, { pace: 'backup', ...options })
    } catch (error) {
      if (!(error instanceof HomelabError) || error.data?.exitStatus === undefined) throw error
      const upid = parseUpid(text)
      const { log } = error.data
      let lines = Array.isArray(log) ? log.map(String) : []
      // The reason may be far above the last lines when other guests came after.
      if (upid.type === 'vzdump') lines = [...(await tasks.log(text).catch(() => lines))]
      const guests = upid.type === 'vzdump' ? readBackupLog(lines) : []
      const broken = guests.filter(({ state }) => state !== 'done')
      const reasons = broken.map(({ vmid, error: why }) => `${vmid}: ${why ?? 'not finished'}`).join('; ')
      const many = guests.length > 1 ? ` (${broken.length} of ${guests.length} guests failed)` : ''
      const facts: BackupFacts = {
        what: `${described[upid.type] ?? describeTask(upid)}${upid.id === '' ? '' : ` of ${upid.id}`} on ${upid.node}${many}`,
        node: upid.node,
        ...placeIn(lines),
      }
      const data = { ...error.data, ...(guests.length > 0 ? { guests } : {}) }
      const plain = reasons === '' ? error.message : `${facts.what} failed: ${reasons}.`
      const { hint } = error
      throw explain(
        new HomelabError(error.code, plain, { ...(hint === undefined ? {} : { hint }), data, cause: error }),
        facts,
        lines,
      )
    }
  }

  return {
    start,
    async findStart(request, since, claimed = () => false) {
      const [vmid, ...others] = request.vmids
      if (vmid === undefined || others.length > 0) return await findJob(request, since, claimed)
      const guest = { vmid, type: 'lxc', node: request.node, name: String(vmid) } as const
      return await tasks.latest(guest, 'vzdump', since, claimed)
    },
    wait,
    report: async (upid, signal) =>
      readBackupLog(await tasks.log(upid, signal === undefined ? {} : { signal })),
    async archives({ node, storage, vmid }, signal) {
      const path = at`/nodes/${node}/storage/${storage}/content`
      let data: unknown
      try {
        data = (await client.get(path, { query: { content: 'backup', vmid }, signal })).data
      } catch (error) {
        throw explain(error, { what: `The list of archives on ${storage}`, node, storage })
      }
      const rows = read(ArchiveRow.array(), data, path).map(toArchive)
      if (rows.length === 0) await assertVisible(client, storage, signal)
      // Two may have ended in one second: their names have when they began.
      return rows.sort((a, b) => b.ctime - a.ctime || b.volid.localeCompare(a.volid))
    },
    async over({ node, storage, vmid, type }, rule, signal) {
      const path = at`/nodes/${node}/storage/${storage}/prunebackups`
      const query = { 'prune-backups': pruneText(rule), vmid, type }
      const rows = read(PruneRow.array(), (await client.get(path, { query, signal })).data, path)
      return rows.filter(({ mark }) => mark === 'remove').map(({ volid }) => volid)
    },
    async remove(place) {
      const { node, archive } = place
      return await sendRemoval(client, contentOf(place), { what: `The removal of ${archive}`, node, archive })
    },
    async notes(place, signal) {
      const path = contentOf(place)
      return read(VolumeNotes, (await client.get(path, { signal })).data, path).notes
    },
    async update(place, change) {
      await client.send('PUT', contentOf(place), { protected: change.protected, notes: change.notes })
    },
    async config({ node, archive }, signal) {
      const path = at`/nodes/${node}/vzdump/extractconfig`
      try {
        const { data } = await client.get(path, { query: { volume: archive }, signal })
        const config = parseConfig(typeof data === 'string' ? data : '')
        if (Object.keys(config).length > 0) return config
      } catch (error) {
        throw explain(error, { what: `Reading the configuration in ${archive}`, node, archive })
      }
      throw new HomelabError('failed', `The archive ${archive} holds no configuration of a guest.`, {
        hint: 'Without one nothing can be restored: take another archive.',
        data: { ofArchive: true },
      })
    },
    async restore(request) {
      const found = typeOfArchive(request.archive)
      if (found !== undefined && found !== request.type) {
        const kind = found === 'lxc' ? 'a container' : 'a virtual machine'
        throw new HomelabError('usage', `${request.archive} is an archive of ${kind}.`)
      }
      const path = request.type === 'lxc' ? at`/nodes/${request.node}/lxc` : at`/nodes/${request.node}/qemu`
      return await post(path, restoreParams(request), factsOfRestore(request))
    },
    async findRestore({ vmid, type, node }, since, claimed) {
      const guest = { vmid, type, node, name: String(vmid) }
      return await tasks.latest(guest, type === 'lxc' ? 'vzrestore' : 'qmrestore', since, claimed)
    },
  }
}

const described: Readonly<Record<string, string>> = {
  vzdump: 'The backup',
  vzrestore: 'The restore',
  qmrestore: 'The restore',
  imgdel: 'The removal',
}

/** Storage and archive as the log names them. */
function placeIn(lines: readonly string[]): Partial<BackupFacts> {
  const text = lines.join('\n')
  const storage = /--storage (\S+)/.exec(text)?.[1] ?? /cannot create '([^'/]+)/.exec(text)?.[1]
  const archive =
    /extracting archive '([^']+)'/.exec(text)?.[1] ?? /protected volume '([^']+)'/.exec(text)?.[1]
  return {
    ...(storage === undefined ? {} : { storage }),
    ...(archive === undefined ? {} : { archive }),
  }
}

async function sendRemoval(client: Client, path: string, facts: BackupFacts): Promise<string> {
  try {
    const upid = tryParseUpid((await client.send('DELETE', path)).data)
    // Without a task it was removed within the call.
    return upid?.text ?? ''
  } catch (error) {
    throw explain(error, facts)
  }
}

/** Archives that may not be seen are left out without a word: Datastore.Audit alone gives an empty list. */
async function assertVisible(
  client: Client,
  storage: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const may = async (path: string, privileges: readonly string[]): Promise<boolean> => {
    const { data } = await client.get('/access/permissions', { query: { path }, signal })
    const granted = Object.values(read(Permissions, data, '/access/permissions'))
    return granted.some((each) => privileges.some((privilege) => each[privilege] !== undefined))
  }
  const where = `/storage/${storage}`
  if (await may(where, ['Datastore.Allocate'])) return
  const space = await may(where, ['Datastore.AllocateSpace'])
  if (space && (await may('/vms', ['VM.Backup']))) return
  const privilege = space ? 'VM.Backup' : 'Datastore.AllocateSpace'
  throw new HomelabError(
    'unauthorised',
    `${client.auth.user} sees no archives on ${storage}, because it lacks ${privilege} on ${space ? '/vms' : where}.`,
    {
      hint: 'Whether there are any is not known. docs/configuration.md has the commands that grant it.',
      data: { privilege, path: space ? '/vms' : where },
    },
  )
}
