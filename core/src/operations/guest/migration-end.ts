/** Whether a guest has arrived on another node, by the guest itself: a task says only that it was asked for. */
import { HomelabError } from '../../errors.ts'
import type { Target } from '../../inventory/types.ts'
import type { Verbs } from '../../operation/types.ts'
import type { Clock } from '../../ports.ts'
import type { Proxmox } from '../../proxmox/types.ts'
import { parseUpid } from '../../proxmox/upid.ts'
import { nextLook } from './pace.ts'

interface Services {
  readonly proxmox: Proxmox
  readonly clock: Clock
}

/** Seconds in which HA does nothing visible at all before it is given up; a clean shutdown takes up to 180. */
const HA_IDLE_SECONDS = 300
/** Seconds that it gets to be in its state after it has arrived. */
const STATE_SECONDS = 120

/**
 * Follows what HA does with what it was asked for.
 * @param upid of the task that asked for it
 * @throws HomelabError `failed` with what its own task says, `timeout` when it does nothing
 */
export async function movedByHa(
  { name, guest }: Target,
  node: string,
  upid: string,
  { proxmox, clock }: Services,
  signal: AbortSignal,
  verbs: Pick<Verbs, 'report'>,
): Promise<null> {
  verbs.report({ text: `Waiting until HA has moved ${name}` })
  const type = guest.type === 'lxc' ? 'vzmigrate' : 'qmigrate'
  const filter = { node: guest.node, vmid: guest.vmid, type, since: parseUpid(upid).startTime }
  const began = clock.monotonic()
  let active = began
  for (;;) {
    if ((await proxmox.cluster.nodeOf(guest, signal)) === node) return null
    const [task] = await proxmox.tasks.list(filter, signal)
    if (task?.exitStatus !== undefined && !/^(OK|WARNINGS)/.test(task.exitStatus))
      throw new HomelabError('failed', `HA could not move ${name} to ${node}: ${task.exitStatus}.`, {
        hint: `\`task log ${task.upid}\` shows why, \`ha status\` what HA does now.`,
        data: { upid: task.upid, exitStatus: task.exitStatus },
      })
    const { lock } = await proxmox.guestStatus(guest, signal)
    if (lock !== undefined || task !== undefined) active = clock.monotonic()
    if (clock.monotonic() - active >= HA_IDLE_SECONDS * 1000)
      throw new HomelabError(
        'timeout',
        `HA was asked to move ${name} to ${node}, and has not in ${HA_IDLE_SECONDS} s.`,
        { hint: '`ha status` shows what it does, and whether a group or rule forbids that node.' },
      )
    await clock.sleep(nextLook(clock.monotonic() - began), signal)
  }
}

/** @returns its state there. @throws HomelabError `failed`, `timeout` when it is not there or not as it was */
export async function arrived(
  { name, guest }: Target,
  node: string,
  wanted: 'running' | 'stopped',
  { proxmox, clock }: Services,
  signal: AbortSignal,
): Promise<string> {
  const now = await proxmox.cluster.nodeOf(guest, signal)
  if (now !== node)
    throw new HomelabError(
      'failed',
      `The task ended, but ${name} is on ${now ?? 'no node'} and not on ${node}.`,
      {
        hint: `\`guest show ${guest.vmid}\` and \`task list\` tell more.`,
        data: { vmid: guest.vmid, node: now ?? null },
      },
    )
  const began = clock.monotonic()
  for (;;) {
    const { status } = await proxmox.guestStatus({ ...guest, node }, signal)
    if ((status === 'stopped') === (wanted === 'stopped')) return status
    if (clock.monotonic() - began >= STATE_SECONDS * 1000)
      throw new HomelabError('timeout', `${name} is on ${node}, but ${status} and not ${wanted}.`, {
        hint: `\`start ${name}\`, and \`task list guest:${guest.vmid}\` for why.`,
      })
    await clock.sleep(nextLook(clock.monotonic() - began), signal)
  }
}
