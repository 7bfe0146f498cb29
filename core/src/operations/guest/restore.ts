import { z } from 'zod'
import { storageIn, withoutHost } from '../../backup/guest-archives.ts'
import { HomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Json, Needed, Plan, Verbs } from '../../operation/types.ts'
import { bytes, duration, guestPlace } from '../../operation/view.ts'
import type { RestoreRequest } from '../../proxmox/backup-types.ts'
import { configLines, lostInPlace } from '../../proxmox/guest-config.ts'
import type { Overview } from '../../proxmox/types.ts'
import type { FoundArchive } from '../archive/find.ts'
import { archivedGuest, failedDrill } from './archived.ts'
import { takenError } from './making.ts'

const input = z.object({
  guest: z.string().describe('Guest name or VMID; of one that is gone, its VMID').meta({ suggest: 'guests' }),
  archive: z
    .string()
    .optional()
    .describe("Part of the archive's name, such as its date; default: the newest"),
  vmid: z
    .int()
    .min(100)
    .optional()
    .describe('The new VMID; default: the next free one, or its own when it is gone'),
  inplace: z.boolean().default(false).describe('Over the guest itself, whose disks are destroyed before'),
  storage: z
    .string()
    .optional()
    .describe('Where its disks go; default: where they were')
    .meta({ suggest: 'storages' }),
})
type Input = z.infer<typeof input>
type Services = Needed<readonly ['lab', 'proxmox', 'shells', 'clock']>

const days = 86_400_000

export const guestRestore = defineOperation({
  id: 'guest.restore',
  chat: 'guest restore',
  title: 'Restore a guest from its archive',
  description:
    'As another guest by default, which is not started: two of the same address would quarrel. One that is gone comes back under its VMID. In place only when asked, and the plan names every disk that would be lost.',
  risk: 'destructive',
  permission: 'admin',
  deadlineMs: 2 * days,
  input,
  output: z.object({
    name: z.string(),
    vmid: z.int(),
    node: z.string(),
    archive: z.string(),
    bytes: z.number(),
    inplace: z.boolean(),
    /** Another has its name or is the original: then it has a name and network addresses of its own. */
    twin: z.boolean(),
    /** Folders of the host that it does not have again. */
    missing: z.array(z.string()),
    ms: z.number(),
  }),
  positional: ['guest', 'archive'],
  examples: ['guest restore plex', 'guest restore 555', 'guest restore plex 2026_11_22 inplace:true'],
  needs: ['lab', 'proxmox', 'shells', 'clock'],
  async plan(wanted, services, { signal }): Promise<Plan> {
    const found = await find(wanted, services, signal)
    const { target, archive, request, lost, running, twin, ofHost, raw, blind } = found
    const age = duration(services.clock.now().getTime() - archive.ctime * 1000)
    const what = `the archive of ${age} ago (${bytes(archive.size)})`
    const doubts = [
      ...failedDrill(archive),
      ...blind.map((each) => `A newer archive may be where nobody could look: ${each}`),
    ]
    const folders = Object.values(ofHost).map((mount) => mount.split(',')[0] ?? mount)
    if (target.gone)
      return {
        summary: `Restore ${target.name}, which is gone, as guest ${request.vmid}`,
        steps: [
          `no guest has the VMID ${request.vmid}, so nothing is overwritten`,
          `${what} is unpacked on ${request.storage} of ${request.node}`,
          'it is not started: `start` does',
        ],
        affects: [],
        warnings: [
          ...(twin
            ? [`Another guest is called ${target.name}: this one gets new network addresses and a new name.`]
            : []),
          ...(twin || !services.shells.has(request.node)
            ? folders.map((folder) => `It does not get ${folder} of the host.`)
            : []),
          ...(twin ? [] : raw.map(notRestored)),
          ...doubts,
        ],
        locks: [`guest/${target.guest.vmid}`, ...other(request.vmid, target.guest.vmid)],
        state: { archive: archive.volid, vmid: request.vmid, storage: request.storage, node: request.node },
      }
    if (!wanted.inplace)
      return {
        summary: `Restore ${target.name} as guest ${request.vmid}`,
        steps: [`${what} is unpacked on ${request.storage}, with new network addresses`, 'it is not started'],
        affects: [],
        warnings: [
          'Started beside the original it is the same service twice: take its network off first.',
          ...folders.map((folder) => `It does not get ${folder} of the host, which the original writes to.`),
          ...doubts,
        ],
        locks: [`guest/${request.vmid}`],
        state: { archive: archive.volid, vmid: request.vmid, storage: request.storage },
      }
    return {
      summary: `Restore ${target.name} (${guestPlace(target.guest)}) in place`,
      steps: [
        `its disks are destroyed`,
        `${what} is unpacked in their place on ${request.storage}`,
        'it is not started: `start` does',
      ],
      affects: target.dependents.map((name) => ({ name, why: `needs ${target.name}` })),
      warnings: [
        ...failedDrill(archive),
        `Everything since ${age} ago is lost.`,
        `Its disks go before the archive is unpacked, and nobody has read that to its end: \`guest drill ${target.name}\` does.`,
        ...lost.map(
          ({ key, source, target: mount }) =>
            `${key} (${source}${mount === '' ? '' : ` at ${mount}`}) is in no archive and is lost for good.`,
        ),
        ...raw.map(notRestored),
        ...(running ? [`${target.name} runs: stop it first.`] : []),
      ],
      locks: [`guest/${target.guest.vmid}`],
      state: { archive: archive.volid, vmid: request.vmid, lost: lost.map(({ source }) => source), running },
    }
  },
  async run(wanted, services, verbs) {
    const began = services.clock.monotonic()
    const { proxmox } = services
    const { target, archive, request, running, twin, ofHost, raw } = (await verbs.step('find', async () => {
      const found = await find(wanted, services, verbs.signal)
      return found as unknown as Json
    })) as unknown as Awaited<ReturnType<typeof find>>
    if (wanted.inplace && running)
      throw new HomelabError('conflict', `${target.name} runs: Proxmox restores only over a stopped guest.`, {
        hint: `\`stop ${target.name}\`, then the same command again.`,
      })
    verbs.report({ text: `restoring ${target.name} as ${request.vmid}` })
    const upid = await verbs.change<string>(`restore as ${request.vmid}`, {
      act: () => proxmox.backups.restore(request),
      find: ({ since, claimed }) => proxmox.backups.findRestore(request, since, claimed),
    })
    verbs.log(`restore of ${archive.volid} as ${request.vmid}: ${upid}`)
    await verbs.follow<Json>('task', async (signal) => {
      const report = (progress: Parameters<typeof verbs.report>[0]) => verbs.report(progress)
      return (await proxmox.backups.wait(upid, { signal, report, mayHaveEnded: true })) as unknown as Json
    })
    const guest = { vmid: request.vmid, node: request.node, type: request.type, name: target.name }
    const back = twin ? Object.values(ofHost) : await giveBack(guest, ofHost, services, verbs)
    const missing = [...back, ...(twin ? [] : raw)]
    const { status } = await proxmox.guestStatus(guest)
    verbs.log(`guest ${request.vmid} is there: ${status}`)
    return {
      name: target.name,
      vmid: request.vmid,
      node: request.node,
      archive: archive.volid,
      bytes: archive.size,
      inplace: wanted.inplace,
      twin,
      missing,
      ms: Math.round(services.clock.monotonic() - began),
    }
  },
  card: ({ name, vmid, node, archive, bytes: size, inplace, twin, missing, ms }) => ({
    title: inplace ? `${name} is restored` : `${name} is restored as guest ${vmid}`,
    tone: missing.length > 0 && !twin ? 'warning' : 'ok',
    text: twin
      ? 'It is stopped, and has new network addresses.'
      : 'It is stopped: start it when you are ready.',
    sections: [
      {
        kind: 'fields',
        fields: [
          { name: 'On', value: node },
          { name: 'From', value: archive.split('/').at(-1) ?? archive },
          { name: 'Size', value: bytes(size) },
          { name: 'Took', value: duration(ms) },
        ],
      },
      ...(missing.length === 0
        ? []
        : [{ kind: 'list' as const, title: 'It has no more of the host', items: missing }]),
    ],
    ...(twin
      ? {}
      : {
          buttons: [
            {
              label: 'Start',
              style: 'primary',
              action: { kind: 'command', text: `start ${inplace ? name : vmid}` },
            },
          ],
        }),
  }),
})

/** What a token may not restore, root may set: by SSH, where the file has it. @returns what it still does not have */
async function giveBack(
  guest: { readonly vmid: number; readonly node: string },
  ofHost: Readonly<Record<string, string>>,
  { shells }: Services,
  verbs: Verbs,
): Promise<string[]> {
  const lines = Object.entries(ofHost)
  if (lines.length === 0) return []
  if (!shells.has(guest.node)) return lines.map(([, value]) => value)
  return await verbs.step('folders of the host', async () => {
    const argv = ['pct', 'set', String(guest.vmid), ...lines.flatMap(([key, value]) => [`--${key}`, value])]
    const { code, stderr } = await shells.host(guest.node).exec(argv, { signal: verbs.signal })
    if (code === 0) return []
    verbs.log(`pct set: ${stderr.trim()}`)
    return lines.map(([, value]) => value)
  })
}

async function find(wanted: Input, services: Services, signal: AbortSignal) {
  const { lab, proxmox } = services
  const {
    archive,
    config: archived,
    blind,
    ...target
  } = await archivedGuest(wanted.guest, wanted.archive, services, signal)
  const { guest } = target
  if (wanted.inplace && target.gone)
    throw new HomelabError('usage', `Guest ${guest.vmid} is gone: there is nothing to put it over.`, {
      hint: 'Leave `inplace` out: it comes back under its VMID.',
    })
  if (wanted.inplace && wanted.archive === undefined)
    throw new HomelabError(
      'usage',
      'Over a guest only an archive that is named: another may come before it begins.',
      {
        hint: `The newest: \`guest restore ${target.name} ${archive.volid.split('/').at(-1)} inplace:true\``,
      },
    )
  const storage = wanted.storage ?? storageIn(guest.type, archived)
  if (storage === undefined)
    throw new HomelabError('usage', `The archive does not say where the disks of ${target.name} were.`, {
      hint: 'Say where they go: `storage:<name>`.',
    })
  if (wanted.inplace && wanted.vmid !== undefined)
    throw new HomelabError('usage', 'In place it keeps its VMID.', {
      hint: 'Leave `vmid` out, or `inplace`.',
    })
  const own = wanted.inplace || target.gone ? guest.vmid : undefined
  const vmid = wanted.vmid ?? own ?? (await nextFree(services, signal))
  if (!wanted.inplace && !(await proxmox.isFree(vmid, signal))) throw takenError(vmid)
  const { lines, ofHost } = guest.type === 'lxc' ? withoutHost(archived, storage) : { lines: {}, ofHost: {} }
  const overview = await lab.overview({ signal })
  const same = (name: string): boolean => name.toLowerCase() === guest.name.toLowerCase()
  const twin = target.gone ? overview.guests.some(({ name }) => same(name)) : !wanted.inplace
  // Two guests of one name make every command to it ambiguous.
  const named = twin ? { [guest.type === 'lxc' ? 'hostname' : 'name']: `${guest.name}-restored` } : {}
  const request: RestoreRequest = {
    node: target.gone ? nodeWith(storage, archive, overview) : guest.node,
    vmid,
    type: guest.type,
    archive: archive.volid,
    storage,
    ...(wanted.inplace ? { force: true } : {}),
    ...(twin ? { unique: true } : {}),
    config: { ...lines, ...named },
    ...(guest.type === 'lxc' && archived.unprivileged === '1' ? { unprivileged: true } : {}),
  }
  const now = wanted.inplace ? configLines(await proxmox.guestConfig(guest, signal)) : {}
  return {
    target,
    archive,
    request,
    twin,
    ofHost,
    raw: guest.type === 'lxc' ? rawLines(archived) : [],
    blind,
    lost: wanted.inplace ? lostInPlace(guest.type, now, archived) : [],
    running: wanted.inplace && (await proxmox.guestStatus(guest)).status !== 'stopped',
  }
}

const notRestored = (line: string): string => `Proxmox does not restore for a token ${line}.`

/**
 * Lines that Proxmox restores for root@pam alone, and leaves out otherwise. Of a mapping of users the disk was unpacked
 * without, too: its files are of other numbers then, which no line mends.
 */
const rawLines = (archived: Readonly<Record<string, string>>): readonly string[] =>
  Object.entries(archived)
    .filter(([key]) => key.startsWith('lxc.'))
    .map(([key, value]) =>
      key === 'lxc.idmap'
        ? `its mapping of users (${value.replaceAll('\n', '; ')}): restore it on the node as root by \`pct restore\`, or its users cannot write to folders of the host`
        : `${key}: ${value}: root sets it again in its configuration on the node`,
    )

/** Nothing says where one was that is gone: where its archive is and its disks can be. */
function nodeWith(storage: string, archive: FoundArchive, { storages }: Pick<Overview, 'storages'>): string {
  // One of the same name on another node has other archives.
  if (!storages.some((each) => each.storage === archive.storage && each.shared)) return archive.node
  const having = (name: string): string[] =>
    storages.filter((each) => each.storage === name && each.status === 'available').map(({ node }) => node)
  const both = having(storage).filter((node) => having(archive.storage).includes(node))
  return both.includes(archive.node) ? archive.node : (both[0] ?? archive.node)
}

const other = (vmid: number, than: number): string[] => (vmid === than ? [] : [`guest/${vmid}`])

async function nextFree({ proxmox }: Services, signal: AbortSignal): Promise<number> {
  const used = new Set((await proxmox.overview(signal)).guests.map(({ vmid }) => vmid))
  for (let vmid = 100; vmid < 9_900; vmid += 1)
    if (!used.has(vmid) && (await proxmox.isFree(vmid, signal))) return vmid
  throw new HomelabError('conflict', 'There is no free VMID below 9900.', { hint: 'Name one: `vmid:`.' })
}
