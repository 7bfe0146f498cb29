import { z } from 'zod'
import { type CopySystem, copySystems } from '../../backup/archive-notes.ts'
import { copyWords } from '../../backup/guest-proof.ts'
import { HomelabError, isHomelabError } from '../../errors.ts'
import { withoutEntry } from '../../inventory/edit.ts'
import type { Target } from '../../inventory/types.ts'
import { defineOperation } from '../../operation/define.ts'
import { prefixed } from '../../operation/prefixed.ts'
import type { Plan } from '../../operation/types.ts'
import { guestPlace } from '../../operation/view.ts'
import { type Leaving, leavingOf, takeData, takeLines, takeSubids, takeWatch } from '../../provision/leave.ts'
import type { GuestRef } from '../../proxmox/types.ts'
import { backupRun } from '../backup/run.ts'
import { guestBackup } from '../guest/backup.ts'
import { guestDelete } from '../guest/delete.ts'
import { guestDrill } from '../guest/drill.ts'
import { one } from '../guest/one.ts'
import { powerGuest } from '../guest/power.ts'
import { tunnelUnexpose } from '../tunnel/unexpose.ts'
import { needs, partPlans, type DeprovisionServices as Services, wants } from './deprovision-parts.ts'

const hours = 3_600_000
/** Seconds for a clean shutdown; then it is stopped. */
const SHUTDOWN_SECONDS = 120

const input = z.object({
  service: z.string().min(1).describe('Service').meta({ suggest: 'services' }),
  confirm: z.string().min(1).describe('Its name once more'),
  data: z
    .enum(['keep', 'delete'])
    .default('keep')
    .describe('Its database: kept, or dropped. Folders of the node are always kept'),
  backup: z.boolean().default(true).describe('Save it first'),
  drill: z
    .boolean()
    .default(true)
    .describe('Try what was saved: of a container whether its system comes up, of a VM only that it starts'),
})
type Input = z.infer<typeof input>

export const deprovision = defineOperation({
  id: 'service.deprovision',
  chat: 'deprovision',
  title: 'Take a service away',
  description:
    'A last backup, tried first by a copy of it; then its name outside, its route, its guest, and its lines in homelab.yaml. Its data is kept unless it is told otherwise.',
  risk: 'destructive',
  permission: 'admin',
  rare: true,
  deadlineMs: 12 * hours,
  input,
  output: z.object({
    service: z.string(),
    vmid: z.int(),
    type: z.enum(['lxc', 'qemu']),
    node: z.string(),
    /** Volume id of its last archive. */
    archive: z.string().optional(),
    /** Whether the system of a copy of it came up; that it only started is no proof. */
    proven: z.boolean(),
    /** What is known of the system of the copy, of one that was tried. */
    system: z.enum(copySystems).optional(),
    unexposed: z.array(z.string()).readonly(),
    /** What is still there: folders of the node, a database. */
    kept: z.array(z.string()).readonly(),
    dropped: z.array(z.string()).readonly(),
    diff: z.string().optional(),
    warnings: z.array(z.string()).readonly(),
  }),
  positional: ['service', 'confirm'],
  examples: ['deprovision jellyfin jellyfin', 'deprovision n8n n8n data:delete'],
  needs,
  wants,
  async plan(wanted, services, { signal }): Promise<Plan> {
    const { target, leaving } = await find(wanted, services, signal)
    const { name, guest } = target
    // What each part says of itself counts here, too: a guest that is protected, no room for the archive.
    const parts = await partPlans(wanted, target, leaving, services, signal)
    const lockout = services.lab.lockout([target])
    return {
      summary: `Take ${name} (${guestPlace(guest)}) away for good`,
      steps: [
        ...(guest.status === 'running'
          ? [`${name} is stopped, so that nothing is written after its backup`]
          : []),
        ...parts.flatMap(({ plan }) => plan.steps),
        ...(leaving.watched === null ? [] : ['Prometheus is not told of it any more']),
        ...(leaving.database === null
          ? []
          : [
              wanted.data === 'delete'
                ? `its database ${leaving.database.spec.name} is dropped`
                : `its database ${leaving.database.spec.name} on ${leaving.database.service} stays`,
            ]),
        ...(services.file === undefined || leaving.paths.length === 0
          ? []
          : [`${leaving.paths.map((path) => path.join('.')).join(', ')} go out of homelab.yaml`]),
      ],
      affects: target.dependents.map((each) => ({ name: each, why: `needs ${name}` })),
      warnings: [
        ...(wanted.backup ? [] : ['It is not saved before.']),
        ...parts.flatMap(({ plan }) => plan.warnings),
        ...leaving.warnings,
      ],
      locks: [`service/${name}`, ...new Set(parts.flatMap(({ plan }) => plan.locks))],
      state: { vmid: guest.vmid, data: wanted.data, paths: leaving.paths.map((path) => [...path]) },
      ...(lockout.length === 0 ? {} : { lockout }),
    }
  },
  async run(wanted, services, verbs) {
    const found = (await verbs.step('look', async () => {
      return JSON.parse(JSON.stringify(await find(wanted, services, verbs.signal)))
    })) as unknown as Awaited<ReturnType<typeof find>>
    const { target, leaving } = found
    const { guest, name } = target
    const vmid = String(guest.vmid)
    let archive: string | undefined
    let tried: { readonly system: CopySystem; readonly proven: boolean } | undefined
    if (guest.status === 'running') {
      // What is written after the last backup would be lost with it.
      verbs.undo(`start ${name} again`, () => startAgain(guest, services))
      const request = { action: 'shutdown', wait: false, force: true, timeout: SHUTDOWN_SECONDS } as const
      await powerGuest(target, request, services, prefixed(verbs, 'stop'))
    }
    if (wanted.backup) {
      const saved = await guestBackup.run(
        guestBackup.input.parse({ guest: vmid }),
        services,
        prefixed(verbs, 'backup'),
      )
      archive = saved.archive
      for (const plan of leaving.dumps)
        await backupRun.run(backupRun.input.parse({ plan }), services, prefixed(verbs, `backup ${plan}`))
      if (wanted.drill) {
        tried = await guestDrill.run(
          guestDrill.input.parse({ guest: vmid, archive: archive.split('/').at(-1) }),
          services,
          prefixed(verbs, 'drill'),
        )
      }
    }
    const { network } = services
    const warnings: string[] = [...leaving.warnings]
    if (network !== undefined)
      for (const hostname of leaving.hostnames) {
        const taken = await tunnelUnexpose.run(
          { name: hostname },
          { ...services, network },
          prefixed(verbs, `unexpose ${hostname}`),
        )
        warnings.push(...taken.warnings, ...taken.alarms)
      }
    await takeWatch(name, leaving, services, verbs)
    const gone = await guestDelete.run(
      guestDelete.input.parse({ guest: vmid, confirm: vmid, stop: true, purge: true }),
      services,
      prefixed(verbs, 'delete'),
    )
    // It is gone: what cannot be taken away with it is said, and does not keep the rest from it.
    const orSaid = async <T>(what: string, rest: T, work: () => Promise<T>): Promise<T> => {
      try {
        return await work()
      } catch (error) {
        verbs.signal.throwIfAborted()
        if (!isHomelabError(error)) throw error
        warnings.push(`${what} is still there: ${error.message}`)
        return rest
      }
    }
    const subids = 'What its users needed in /etc/subuid'
    await orSaid(subids, undefined, () => takeSubids(guest, leaving, services, verbs))
    const nothing = { dropped: [], warnings: [] }
    const taken =
      wanted.data === 'delete'
        ? await orSaid('Its database', nothing, () => takeData(leaving, services, verbs))
        : nothing
    warnings.push(...taken.warnings)
    const diff = await orSaid('Its part of homelab.yaml', undefined, () =>
      takeLines(leaving, services, verbs),
    )
    const database =
      leaving.database === null || wanted.data === 'delete' ? [] : [`database ${leaving.database.spec.name}`]
    return {
      service: name,
      vmid: guest.vmid,
      type: guest.type,
      node: guest.node,
      ...(archive === undefined ? {} : { archive }),
      proven: tried?.proven ?? false,
      ...(tried === undefined ? {} : { system: tried.system }),
      unexposed: network === undefined ? [] : leaving.hostnames,
      kept: [...gone.kept, ...database],
      dropped: taken.dropped,
      ...(diff === undefined ? {} : { diff }),
      warnings,
    }
  },
  card: (
    { service, vmid, type, node, archive, proven, system, unexposed, kept, dropped, diff, warnings },
    { backup },
  ) => ({
    title: `${service} is taken away`,
    // Its last archive is all that is left of it.
    tone: warnings.length > 0 || (backup && !proven) ? 'warning' : 'ok',
    sections: [
      {
        kind: 'fields',
        fields: [
          { name: 'Last archive', value: archive?.split('/').at(-1) ?? 'none' },
          ...(archive === undefined ? [] : [{ name: 'Proven', value: provenText(proven, system) }]),
          ...(unexposed.length === 0
            ? []
            : [{ name: 'Not reachable any more', value: unexposed.join(', ') }]),
        ],
      },
      ...(kept.length === 0 ? [] : [{ kind: 'list' as const, title: 'Still there', items: kept }]),
      ...(dropped.length === 0 ? [] : [{ kind: 'list' as const, title: 'Dropped', items: dropped }]),
      ...(warnings.length === 0 ? [] : [{ kind: 'list' as const, title: 'Mind', items: warnings }]),
      ...(diff === undefined || diff === ''
        ? []
        : [{ kind: 'code' as const, title: 'homelab.yaml', text: diff, keep: 'start' as const }]),
    ],
    ...(archive === undefined
      ? {}
      : {
          buttons: [
            { label: 'Archives', action: { kind: 'command' as const, text: `archive list guest:${vmid}` } },
          ],
        }),
    footer: guestPlace({ vmid, type, node }),
  }),
})

function provenText(proven: boolean, system: CopySystem | undefined): string {
  if (system === undefined) return 'no'
  const { known } = copyWords[system]
  return proven ? `a copy of it booted, and its system ${known}` : `no: ${known}`
}

/** When it could not be saved, it goes on as before. */
async function startAgain(guest: GuestRef, { proxmox }: Pick<Services, 'proxmox'>): Promise<void> {
  if (await proxmox.isFree(guest.vmid)) return
  if ((await proxmox.guestStatus(guest)).status !== 'stopped') return
  await proxmox.tasks.wait(await proxmox.power(guest, 'start'))
}

async function find(
  wanted: Input,
  services: Services,
  signal: AbortSignal,
): Promise<{ target: Target; leaving: Leaving }> {
  const target = await one(services.lab, wanted.service, signal)
  const said = wanted.confirm.trim().toLowerCase()
  if (said !== target.name.toLowerCase() && said !== String(target.guest.vmid))
    throw new HomelabError(
      'usage',
      `To take ${target.name} away, say its name once more, not "${wanted.confirm}".`,
      {
        hint: `\`deprovision ${target.name} ${target.name}\``,
      },
    )
  const { dependents, guest, name, service } = target
  const rows = await services.lab.services({ signal })
  const beside = rows.filter((row) => row.target?.guest.vmid === guest.vmid && row.name !== name)
  if (beside.length > 0)
    throw new HomelabError(
      'conflict',
      `${beside.map((row) => row.name).join(', ')} would go with ${name}: they share ${guest.name}.`,
      {
        hint: 'Move them to a guest of their own first, or take them out of homelab.yaml.',
        data: { vmid: guest.vmid },
      },
    )
  const leaving = await leavingOf(target, services, signal)
  if (wanted.data === 'delete' && leaving.unseen !== null)
    throw new HomelabError(
      'conflict',
      `The database ${leaving.unseen} cannot be dropped: no PostgreSQL runs that has it.`,
      {
        hint: 'Start it, or keep the data: leave `data:delete` out.',
      },
    )
  if (wanted.data === 'delete' && wanted.backup && leaving.database !== null && leaving.dumps.length === 0)
    throw new HomelabError(
      'conflict',
      `No plan saves the database ${leaving.database.spec.name}: dropped, it would be lost.`,
      {
        hint: 'Add a plan by pg_dump to homelab.yaml, or keep the data. `backup:false` takes it away without a copy.',
      },
    )
  // They go last: that homelab.yaml would be wrong without them must be known before its guest is gone.
  await services.file
    ?.check((text) => leaving.paths.reduce((shorter, path) => withoutEntry(shorter, path), text))
    .catch((error: unknown) => {
      if (!isHomelabError(error) || error.code !== 'config') throw error
      throw new HomelabError('conflict', `homelab.yaml needs ${name} still. ${error.message}`, {
        hint: 'Take what names it out of homelab.yaml first (`needs`, a plan with `service`), then try again.',
        ...(error.data === undefined ? {} : { data: error.data }),
        cause: error,
      })
    })
  return {
    target: { name, guest, dependents: [...dependents], ...(service === undefined ? {} : { service }) },
    leaving,
  }
}
