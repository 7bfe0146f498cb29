import { z } from 'zod'
import { lookInto } from '../../backup/evidence.ts'
import { machineOf, planNamed, repositoriesOf, resticOf, titleOf } from '../../backup/plan.ts'
import { evidenceIn } from '../../backup/proofs.ts'
import { resticError } from '../../backup/restic/errors.ts'
import { HomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import { planInput } from './inputs.ts'

/** Lines of restic's own that are kept. */
const kept = 2_000

export const backupDiff = defineOperation({
  id: 'backup.diff',
  chat: 'backup diff',
  title: 'What changed between two snapshots',
  description:
    'The files that came, went and changed between two proven snapshots of a plan; by default the newest two.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({
    plan: planInput,
    from: z
      .string()
      .optional()
      .describe('Snapshot, by its first letters; default: the one before the newest'),
    to: z.string().optional().describe('Snapshot, by its first letters; default: the newest'),
  }),
  output: z.object({
    title: z.string(),
    from: z.string(),
    to: z.string(),
    added: z.int(),
    removed: z.int(),
    changed: z.int(),
    lines: z.array(z.string()),
  }),
  positional: ['plan', 'from', 'to'],
  examples: ['backup diff photos'],
  needs: ['lab', 'shells', 'secrets', 'clock'],
  async run({ plan: name, from, to }, services, { signal }) {
    const { lab } = services
    const plan = planNamed(lab.inventory, name)
    const [repository] = repositoriesOf(lab.inventory, plan)
    if (repository === undefined)
      throw new HomelabError(
        'usage',
        `${titleOf(plan)} is kept by Proxmox alone, which compares no archives.`,
      )
    const look = await lookInto(repository, lab.inventory.backups, services, { signal })
    if ('error' in look) throw look.error
    const { proven } = evidenceIn(look.snapshots, plan.name)
    const one = (wanted: string | undefined, index: number) => {
      const found =
        wanted === undefined ? proven.at(index) : proven.find(({ snapshot }) => snapshot.startsWith(wanted))
      if (found !== undefined) return found.snapshot
      throw new HomelabError(
        'not-found',
        wanted === undefined
          ? `${titleOf(plan)} has ${proven.length} proven snapshots: it takes two to compare.`
          : `${titleOf(plan)} has no proven snapshot ${wanted}.`,
        { hint: `\`backup list ${plan.name}\` has all.` },
      )
    }
    const [a, b] = [one(from, -2), one(to, -1)]
    const restic = await resticOf(repository, await machineOf(plan, services, signal), services.secrets)
    const { code, stdout, stderr } = await restic.run(['diff', '--no-lock', a, b], signal)
    if (code !== 0) throw resticError(code, stderr, titleOf(repository))
    // `+    /path`, `-    /path`, `M    /path`; then sums.
    const lines = stdout.split('\n').filter((line) => /^[+\-MUT]{1,2} +\//.test(line))
    const count = (sign: string) => lines.filter((line) => line.startsWith(sign)).length
    return {
      title: titleOf(plan),
      from: a,
      to: b,
      added: count('+'),
      removed: count('-'),
      changed: lines.length - count('+') - count('-'),
      lines: lines.slice(0, kept),
    }
  },
  card: ({ title, from, to, added, removed, changed, lines }) => ({
    title: `${title}: ${added} came, ${removed} went, ${changed} changed`,
    tone: 'neutral',
    text: `From ${from.slice(0, 8)} to ${to.slice(0, 8)}.`,
    ...(lines.length === 0 ? {} : { sections: [{ kind: 'code', text: lines.join('\n'), keep: 'start' }] }),
  }),
})
