import { z } from 'zod'
import { lookInto } from '../../backup/evidence.ts'
import { manifestIn } from '../../backup/manifest.ts'
import { isResticPlan, machineOf, planNamed, repositoriesOf, resticOf, titleOf } from '../../backup/plan.ts'
import { evidenceIn } from '../../backup/proofs.ts'
import { HomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import { bytes, duration } from '../../operation/view.ts'
import { planInput } from './inputs.ts'

export const backupShow = defineOperation({
  id: 'backup.show',
  chat: 'backup show',
  title: 'What is in a snapshot',
  description: 'The proof of a snapshot: when, how much, and of a database each table with its rows.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({
    plan: planInput,
    snapshot: z.string().optional().describe('By its first letters; default: the newest that is proven'),
  }),
  output: z.object({
    title: z.string(),
    repository: z.string(),
    snapshot: z.string(),
    ageMs: z.number(),
    files: z.number(),
    bytes: z.number(),
    databases: z.array(
      z.object({
        database: z.string(),
        version: z.string(),
        tables: z.array(z.object({ table: z.string(), rows: z.number(), newest: z.string().optional() })),
      }),
    ),
  }),
  positional: ['plan', 'snapshot'],
  needs: ['lab', 'shells', 'secrets', 'clock'],
  async run({ plan: name, snapshot }, services, { signal }) {
    const { lab, secrets, clock } = services
    const plan = planNamed(lab.inventory, name)
    if (!isResticPlan(plan))
      throw new HomelabError(
        'usage',
        `${titleOf(plan)} is kept by Proxmox: \`backup list ${plan.name}\` has its archives.`,
      )
    for (const repository of repositoriesOf(lab.inventory, plan)) {
      const look = await lookInto(repository, lab.inventory.backups, services, { signal })
      if ('error' in look) throw look.error
      const { proven } = evidenceIn(look.snapshots, plan.name)
      const found =
        snapshot === undefined ? proven.at(-1) : proven.find((one) => one.snapshot.startsWith(snapshot))
      if (found === undefined) continue
      const machine = await machineOf(plan, services, signal)
      const restic = await resticOf(repository, machine, secrets)
      const { databases } = manifestIn(await restic.dump(found.proof, '/manifest.jsonl', signal))
      return {
        title: titleOf(plan),
        repository: titleOf(repository),
        snapshot: found.snapshot,
        ageMs: clock.now().getTime() - found.at,
        files: found.files,
        bytes: found.bytes,
        databases: databases.map(({ database, version, tables }) => ({
          database,
          version,
          tables: tables.map((table) => ({ ...table })),
        })),
      }
    }
    throw new HomelabError(
      'not-found',
      snapshot === undefined
        ? `There is no proven snapshot of ${titleOf(plan)}.`
        : `There is no proven snapshot ${snapshot} of ${titleOf(plan)}.`,
      { hint: `\`backup list ${plan.name}\` has all.` },
    )
  },
  card: ({ title, repository, snapshot, ageMs, files, bytes: size, databases }) => ({
    title: `${title}: ${snapshot.slice(0, 8)}`,
    tone: 'neutral',
    text: `Proven, ${duration(ageMs)} old, in ${repository}: ${files} files, ${bytes(size)}.`,
    sections: databases.map(({ database, version, tables }) => ({
      kind: 'table',
      title: `${database} (PostgreSQL ${version})`,
      columns: [{ name: 'Table' }, { name: 'Rows', align: 'right' }, { name: 'Newest' }],
      rows: tables.map(({ table, rows, newest }) => [table, String(rows), newest ?? '–']),
    })),
  }),
})
