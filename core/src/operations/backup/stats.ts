import { z } from 'zod'
import { lookInto } from '../../backup/evidence.ts'
import { titleOf } from '../../backup/plan.ts'
import { evidenceIn } from '../../backup/proofs.ts'
import { verifications } from '../../backup/verifications.ts'
import { defineOperation } from '../../operation/define.ts'
import { bytes, duration } from '../../operation/view.ts'
import { resticNamed } from './verify.ts'

export const backupStats = defineOperation({
  id: 'backup.stats',
  chat: 'backup stats',
  title: 'What a repository holds',
  description:
    'Its size as stored, what each plan has in it, how the newest grew, and what of it was read lately.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({ repository: z.string().describe('Repository of homelab.yaml') }),
  output: z.object({
    title: z.string(),
    stored: z.number(),
    plans: z.array(
      z.object({ plan: z.string(), proven: z.int(), bytes: z.number(), before: z.number().optional() }),
    ),
    verified: z.object({ part: z.int(), of: z.int(), sound: z.boolean(), ageMs: z.number() }).optional(),
  }),
  positional: ['repository'],
  needs: ['lab', 'shells', 'secrets', 'clock'],
  async run({ repository: name }, services, { signal }) {
    const { repository, restic } = await resticNamed(name, services, signal)
    const look = await lookInto(repository, services.lab.inventory.backups, services, { fresh: true, signal })
    if ('error' in look) throw look.error
    const plans = [...new Set(evidenceIn(look.snapshots).proven.map(({ plan }) => plan))].map((plan) => {
      const { proven } = evidenceIn(look.snapshots, plan)
      const [before, newest] = [proven.at(-2), proven.at(-1)]
      return {
        plan,
        proven: proven.length,
        bytes: newest?.bytes ?? 0,
        ...(before === undefined ? {} : { before: before.bytes }),
      }
    })
    const last = verifications(look.snapshots).at(-1)
    return {
      title: titleOf(repository),
      stored: await restic.stored(signal),
      plans,
      ...(last === undefined
        ? {}
        : {
            verified: {
              part: last.part,
              of: last.cycle,
              sound: last.sound,
              ageMs: services.clock.now().getTime() - last.at,
            },
          }),
    }
  },
  card: ({ title, stored, plans, verified }) => ({
    title: `${title}: ${bytes(stored)} stored`,
    tone: verified?.sound === false ? 'error' : 'neutral',
    text:
      verified === undefined
        ? 'Nothing of it was ever read back: `backup verify` does.'
        : `Part ${verified.part} of ${verified.of} was read ${duration(verified.ageMs)} ago: ${verified.sound ? 'sound' : 'damaged'}.`,
    sections: [
      {
        kind: 'table',
        columns: [
          { name: 'Plan' },
          { name: 'Proven', align: 'right' },
          { name: 'Newest', align: 'right' },
          { name: 'Grew by', align: 'right' },
        ],
        rows: plans.map(({ plan, proven, bytes: size, before }) => [
          plan,
          String(proven),
          bytes(size),
          before === undefined ? '–' : `${size < before ? '−' : '+'}${bytes(Math.abs(size - before))}`,
        ]),
      },
    ],
  }),
})
