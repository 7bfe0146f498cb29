import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Json, Plan } from '../../operation/types.ts'
import { duration, guestPlace } from '../../operation/view.ts'
import type { ReplicationState } from '../../proxmox/cluster-types.ts'
import { guestInput } from '../guest/inputs.ts'
import { nextLook } from '../guest/pace.ts'
import {
  type FoundJob,
  JobRow,
  jobOf,
  look,
  nodeInput,
  type ReplicationServices,
  replicationNeeds,
  rowOf,
} from './jobs.ts'

/** Seconds in which the scheduler, which comes by each minute, has to begin. */
const BEGIN_SECONDS = 300

export const replicationRun = defineOperation({
  id: 'replication.run',
  chat: 'replication run',
  title: 'Copy a replicated guest now',
  description: 'Its node begins within a minute, whatever its schedule; done when the copy is there.',
  risk: 'change',
  permission: 'admin',
  rare: true,
  deadlineMs: 86_400_000,
  input: z.object({ guest: guestInput, node: nodeInput }),
  output: JobRow,
  positional: ['guest', 'node'],
  examples: ['replication run vaultwarden'],
  needs: replicationNeeds,
  async plan(wanted, services, { signal }): Promise<Plan> {
    const { target, job } = await jobOf(wanted.guest, wanted.node, services, signal)
    const { name, guest } = target
    return {
      summary: `Copy ${name} (${guestPlace(guest)}) to ${job.target} now`,
      steps: [`${guest.node} begins within a minute, and copies what has changed`],
      affects: [],
      warnings: job.disabled ? ['It is switched off, and may not begin.'] : [],
      locks: [`guest/${guest.vmid}`],
      state: { job: job.id, to: job.target },
    }
  },
  async run(wanted, services, verbs) {
    const { proxmox } = services
    const { target, job, before } = (await verbs.step<Json>('find', async () => {
      const found = await jobOf(wanted.guest, wanted.node, services, verbs.signal)
      const seen = await look(proxmox, found.target.guest.node, found.job.id, verbs.signal)
      return { ...found, before: seen ?? null } as unknown as Json
    })) as unknown as FoundJob & { readonly before: ReplicationState | null }
    const { guest, name } = target
    verbs.report({ text: `Waiting until ${guest.node} copies ${name}` })
    await verbs.change<string>(`replicate ${job.id} now`, {
      act: async () => {
        await proxmox.replication.runNow(guest.node, job.id)
        return job.id
      },
      find: async () => {
        const now = await look(proxmox, guest.node, job.id)
        // Its scheduler takes the wish back when it begins.
        const begun = now?.running === true || (now?.lastTry ?? 0) > (before?.lastTry ?? 0)
        return begun || (now?.nextSync ?? 0) < (before?.nextSync ?? 0) ? job.id : undefined
      },
    })
    const end = (await verbs.follow<Json>('copy', async (signal) => {
      const seen = await copied(target, job.id, before?.lastTry ?? 0, services, signal)
      return seen as unknown as Json
    })) as unknown as ReplicationState
    return rowOf(job, end, name)
  },
  card: ({ name, vmid, target, seconds }) => ({
    title: `${name ?? vmid} is copied to ${target}`,
    tone: 'ok',
    ...(seconds === undefined || seconds === 0 ? {} : { text: `It took ${duration(seconds * 1000)}.` }),
  }),
})

/** @throws HomelabError `failed` with what Proxmox says, `timeout` when it does not begin */
async function copied(
  { guest, name }: FoundJob['target'],
  id: string,
  lastTry: number,
  { proxmox, clock }: ReplicationServices,
  signal: AbortSignal,
): Promise<ReplicationState> {
  const began = clock.monotonic()
  for (;;) {
    const now = await look(proxmox, guest.node, id, signal)
    if (now === undefined)
      throw new HomelabError(
        'failed',
        `There is no replication ${id} of ${name} on ${guest.node} any more.`,
        {
          hint: '`replication status` shows what there is.',
        },
      )
    const ended = now.lastTry > lastTry && !now.running
    if (ended && now.lastSync >= now.lastTry && now.failures === 0) return now
    if (ended && (now.failures > 0 || now.error !== undefined))
      throw new HomelabError(
        'failed',
        `The replication of ${name} to ${now.target} failed: ${now.error ?? 'no reason is given'}.`,
        {
          hint: `It is tried again by itself. \`replication status ${guest.vmid}\` shows when.`,
          data: { job: id, failures: now.failures },
        },
      )
    if (!now.running && now.lastTry <= lastTry && clock.monotonic() - began >= BEGIN_SECONDS * 1000)
      throw new HomelabError(
        'timeout',
        `${guest.node} has not begun to copy ${name} in ${BEGIN_SECONDS} s.`,
        {
          hint: `On ${guest.node}: systemctl status pvescheduler`,
        },
      )
    await clock.sleep(nextLook(clock.monotonic() - began), signal)
  }
}
