import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Json, Plan } from '../../operation/types.ts'
import { guestPlace } from '../../operation/view.ts'
import { guestInput } from '../guest/inputs.ts'
import { nextLook } from '../guest/pace.ts'
import { type FoundJob, JobRow, jobOf, nodeInput, replicationNeeds, rowOf } from './jobs.ts'

/** Seconds that its scheduler gets, which comes by each minute and may be copying. */
const GONE_SECONDS = 600

export const replicationRemove = defineOperation({
  id: 'replication.remove',
  chat: 'replication remove',
  title: 'End the replication of a guest',
  description:
    'Its copy on the other node is destroyed too, unless that is to be kept. The guest stays as it is.',
  risk: 'change',
  permission: 'admin',
  rare: true,
  input: z.object({
    guest: guestInput,
    node: nodeInput,
    keep: z.boolean().default(false).describe('Leave the copy on the other node'),
  }),
  output: JobRow,
  positional: ['guest', 'node'],
  examples: ['replication remove vaultwarden', 'replication remove 123 node:pve2 keep:true'],
  needs: replicationNeeds,
  async plan(wanted, services, { signal }): Promise<Plan> {
    const { target, job } = await jobOf(wanted.guest, wanted.node, services, signal)
    const { name, guest } = target
    return {
      summary: `End the replication of ${name} (${guestPlace(guest)}) to ${job.target}`,
      steps: [
        `${guest.node} ends it within a minute`,
        wanted.keep ? `its copy stays on ${job.target}` : `its copy on ${job.target} is destroyed`,
      ],
      affects: [],
      warnings: [
        ...(guest.hastate === undefined || guest.hastate === 'ignored'
          ? []
          : ['HA looks after it, and has nothing to start elsewhere without a copy.']),
      ],
      locks: [`guest/${guest.vmid}`],
      confirm: !wanted.keep,
      state: { job: job.id, to: job.target, keep: wanted.keep },
    }
  },
  async run(wanted, services, verbs) {
    const { proxmox, clock } = services
    const { target, job } = (await verbs.step<Json>(
      'find',
      async () => (await jobOf(wanted.guest, wanted.node, services, verbs.signal)) as unknown as Json,
    )) as unknown as FoundJob
    const current = async (signal?: AbortSignal) =>
      (await proxmox.replication.jobs(signal)).find(({ id }) => id === job.id)
    verbs.report({ text: `Ending the replication of ${target.name} to ${job.target}` })
    await verbs.change<string>(`end ${job.id}`, {
      act: async () => {
        await proxmox.replication.remove(job.id, wanted.keep)
        return job.id
      },
      find: async () => {
        const now = await current()
        return now === undefined || now.removing ? job.id : undefined
      },
    })
    await verbs.follow('gone', async (signal) => {
      const began = clock.monotonic()
      while ((await current(signal)) !== undefined) {
        if (clock.monotonic() - began >= GONE_SECONDS * 1000)
          throw new HomelabError(
            'timeout',
            `The replication ${job.id} is marked to end, and is still there after ${GONE_SECONDS} s.`,
            {
              hint: `Is ${job.target} on? When it is gone for good, on ${target.guest.node} as root: pvesr delete ${job.id} --force`,
            },
          )
        await clock.sleep(nextLook(clock.monotonic() - began), signal)
      }
      return null
    })
    return { ...rowOf(job, undefined, target.name), state: 'removing' as const }
  },
  card: ({ name, vmid, target }, { keep }) => ({
    title: `${name ?? vmid} is not replicated to ${target} any more`,
    tone: 'ok',
    text: keep ? `Its copy is still on ${target}.` : `Its copy on ${target} is gone.`,
  }),
})
