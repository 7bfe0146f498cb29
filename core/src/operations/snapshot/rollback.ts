import { z } from 'zod'
import { HomelabError, isHomelabError } from '../../errors.ts'
import type { Lab, Target } from '../../inventory/types.ts'
import { joinWords } from '../../nearest.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Json, Plan } from '../../operation/types.ts'
import { duration, guestPlace } from '../../operation/view.ts'
import { configLines, mountsOf } from '../../proxmox/guest-config.ts'
import type { Proxmox } from '../../proxmox/types.ts'
import { one } from '../guest/one.ts'
import { powerGuest } from '../guest/power.ts'
import { PowerResult } from '../schemas.ts'
import { changeSnapshots, refuseBusy } from './change.ts'
import { guestInput, nameInput } from './inputs.ts'
import { guestFields, guestOf, snapshotNamed, timeText, titleOf } from './row.ts'

const input = z.object({
  guest: guestInput,
  name: nameInput,
  start: z.boolean().optional().describe('Start it afterwards; default: when it runs now'),
  wait: z.boolean().default(true).describe('Wait until it answers its health check'),
})

export const snapshotRollback = defineOperation({
  id: 'snapshot.rollback',
  chat: 'snapshot rollback',
  title: 'Roll a guest back to a snapshot',
  description:
    'Its disks and configuration become those of the snapshot; everything since is lost. A running guest is stopped at once, and started again afterwards.',
  risk: 'destructive',
  permission: 'admin',
  rare: true,
  input,
  output: z.object({
    ...guestFields,
    name: z.string(),
    /** When the snapshot was taken: seconds since the epoch, by the server's clock. */
    time: z.number(),
    upid: z.string(),
    /** Absent when it was not to be started. */
    started: PowerResult.optional(),
  }),
  positional: ['guest', 'name'],
  examples: ['snapshot rollback nextcloud before-upgrade'],
  needs: ['lab', 'proxmox', 'health', 'clock'],
  async plan({ guest, name, start }, { lab, proxmox, clock }, { signal }): Promise<Plan> {
    const target = await one(lab, guest, signal)
    const { running, time, vmstate, newer } = await look(target, name, lab, proxmox, signal)
    const age = duration(Math.max(0, clock.now().getTime() - time * 1000))
    const lockout = running ? lab.lockout([target]) : []
    const starts = start ?? running
    return {
      summary: `Roll ${titleOf(target)} back to "${name}", of ${age} ago`,
      steps: [
        ...(running ? [`Stop ${guestPlace(target.guest)} at once, without a clean shutdown`] : []),
        `Its disks and configuration become those of ${timeText(time)} UTC`,
        ...(vmstate
          ? ['It goes on from the memory in the snapshot']
          : starts
            ? [`Start ${guestPlace(target.guest)}`]
            : ['It is not started']),
      ],
      affects: running ? target.dependents.map((each) => ({ name: each, why: `needs ${target.name}` })) : [],
      warnings: [
        `Everything that was written since ${age} ago is lost, and every change of its configuration.`,
        ...(newer.length === 0 ? [] : [`What is newer stays: ${joinWords(newer)}.`]),
      ],
      locks: [`guest/${target.guest.vmid}`],
      state: { vmid: target.guest.vmid, node: target.guest.node, name, time, newer, running },
      ...(lockout.length === 0 ? {} : { lockout }),
    }
  },
  async run({ guest, name, start, wait }, services, verbs) {
    const { lab, proxmox } = services
    const target = await one(lab, guest, verbs.signal)
    const before = (await verbs.step('look', async () => {
      const seen = await look(target, name, lab, proxmox, verbs.signal)
      return seen as unknown as Json
    })) as unknown as Look
    const changed = await changeSnapshots(
      target,
      {
        action: 'rollback',
        name,
        doing: `Rolling ${target.name} back to "${name}"`,
        act: () => proxmox.snapshots.rollback(target.guest, name),
        reached: ({ current }) => current === name,
        otherwise: `${target.name} does not stand on "${name}"`,
      },
      proxmox,
      verbs,
    ).catch((error: unknown) => leftDown(error, target, before, proxmox))
    const started = changed.list.running
      ? goesOn(target)
      : (start ?? before.running)
        ? await powerGuest(target, { action: 'start', wait, force: false, timeout: 60 }, services, verbs)
        : undefined
    return {
      ...guestOf(target),
      name,
      time: before.time,
      upid: changed.upid,
      ...(started === undefined ? {} : { started }),
    }
  },
  card: ({ guest, name, time, started, upid }) => ({
    title: `${guest} is rolled back to "${name}"`,
    tone: started?.outcome === 'warnings' || started?.healthy === false ? 'warning' : 'ok',
    text:
      started === undefined
        ? `It is as it was at ${timeText(time)} UTC, and stopped.`
        : `It is as it was at ${timeText(time)} UTC: ${started.detail}.`,
    ...(started === undefined
      ? {
          buttons: [
            { label: 'Start', style: 'primary', action: { kind: 'command', text: `start ${guest}` } },
          ],
        }
      : {}),
    footer: upid,
  }),
})

/** Its memory was in the snapshot, and it runs since the rollback. */
const goesOn = ({ name, guest }: Target): PowerResult => ({
  name,
  vmid: guest.vmid,
  type: guest.type,
  node: guest.node,
  outcome: 'unchanged',
  detail: 'it goes on from the memory in the snapshot',
})

interface Look {
  readonly running: boolean
  readonly time: number
  readonly vmstate: boolean
  /** Names of those taken later. */
  readonly newer: readonly string[]
}

/** @throws HomelabError when Proxmox would refuse it, so that nothing is stopped for nothing */
async function look(
  target: Target,
  name: string,
  lab: Lab,
  proxmox: Proxmox,
  signal: AbortSignal,
): Promise<Look> {
  refuseBusy(target)
  const list = await proxmox.snapshots.list(target.guest, signal)
  const snapshot = snapshotNamed(target, list, name)
  if (snapshot.state !== undefined)
    throw new HomelabError(
      'conflict',
      `The snapshot "${name}" of ${titleOf(target)} was never finished: there is nothing to go back to.`,
      { hint: `\`snapshot delete ${target.guest.vmid} ${name}\` removes it.` },
    )
  const newer = list.snapshots
    // Times are whole seconds.
    .filter(({ time, parent }) => time > snapshot.time || (time === snapshot.time && parent === name))
    .map((each) => each.name)
  const zfs = newer.length === 0 ? undefined : await onZfs(target, lab, proxmox, signal)
  if (zfs !== undefined)
    throw new HomelabError(
      'conflict',
      `${titleOf(target)} is on ${zfs}, a ZFS storage, which goes back to the newest snapshot only: ${joinWords(newer)} ${newer.length === 1 ? 'is' : 'are'} newer than "${name}".`,
      {
        hint: `Delete what is newer first, the newest first: \`snapshot delete ${target.guest.vmid} ${newer.at(-1) ?? ''}\`.`,
        data: { vmid: target.guest.vmid, storage: zfs, newer },
      },
    )
  return { running: list.running, time: snapshot.time, vmstate: snapshot.vmstate, newer }
}

/** The storage of one of its disks that can only go back to the newest. */
async function onZfs(
  { guest }: Target,
  lab: Lab,
  proxmox: Proxmox,
  signal: AbortSignal,
): Promise<string | undefined> {
  const [{ storages }, config] = await Promise.all([
    lab.overview({ signal }),
    proxmox.guestConfig(guest, signal),
  ])
  const used = mountsOf(guest.type, configLines(config)).map(({ source }) => source.split(':')[0])
  return storages.find(
    ({ node, storage, plugin }) => node === guest.node && plugin.startsWith('zfs') && used.includes(storage),
  )?.storage
}

/** A rollback that failed after it had stopped the guest leaves it so: whether to start it is for a person to say. */
async function leftDown(error: unknown, target: Target, before: Look, proxmox: Proxmox): Promise<never> {
  if (!before.running || !isHomelabError(error) || error.code === 'cancelled') throw error
  const now = await proxmox.guestStatus(target.guest).catch(() => undefined)
  if (now?.status !== 'stopped') throw error
  const held = now.lock === undefined ? '' : `, and locked (${now.lock})`
  throw new HomelabError(error.code, `${error.message} ${target.name} was stopped for it${held}.`, {
    hint: `${error.hint ?? 'Its log says more.'} \`start ${target.guest.vmid}\` brings it up as it is.`,
    ...(error.data === undefined ? {} : { data: error.data }),
    cause: error,
  })
}
