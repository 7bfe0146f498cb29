import { z } from 'zod'
import { cameUp, copySystems, failureOf, marksOf } from '../../backup/archive-notes.ts'
import { lookInto } from '../../backup/evidence.ts'
import { isResticPlan, planNamed, repositoriesOf, titleOf } from '../../backup/plan.ts'
import { evidenceIn } from '../../backup/proofs.ts'
import { copyName } from '../../backup/vzdump.ts'
import { type HomelabError, isHomelabError } from '../../errors.ts'
import type { Cell } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import { bytes, duration } from '../../operation/view.ts'
import type { Archive } from '../../proxmox/backup-types.ts'
import { planInput } from './inputs.ts'

const Row = z.object({
  repository: z.string(),
  snapshot: z.string(),
  /** Of a plan of guests: whose it is. */
  guest: z.string().optional(),
  at: z.string(),
  ageMs: z.number(),
  /** Never of an archive of Proxmox: that it is on the storage is all that a list can say. */
  proven: z.boolean(),
  bytes: z.number().optional(),
  files: z.number().optional(),
  rows: z.number().optional(),
  /** Of an archive that was restored for a trial: when (ISO 8601), and what was known of its system. */
  drilled: z.object({ at: z.string(), system: z.enum(copySystems) }).optional(),
  /** When its last drill failed (ISO 8601). */
  failed: z.string().optional(),
})

export const backupList = defineOperation({
  id: 'backup.list',
  chat: 'backup list',
  title: 'List the snapshots of a plan',
  description:
    'What is kept of a plan, the newest first, and which of it is proven. Archives of guests are on the storage: whether one restores, `backup drill` and `guest drill` try, and then it says so.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({
    plan: planInput,
    limit: z.int().min(1).max(1000).default(25).describe('Snapshots shown'),
  }),
  output: z.object({
    title: z.string(),
    snapshots: z.array(Row),
    of: z.int(),
    /** Where nobody could look: what is there is in no row. */
    unseen: z.array(z.object({ repository: z.string(), why: z.string() })).readonly(),
  }),
  positional: ['plan'],
  examples: ['backup list photos'],
  needs: ['lab', 'shells', 'secrets', 'clock', 'proxmox'],
  async run({ plan: name, limit }, services, { signal }) {
    const { lab, proxmox, clock } = services
    const plan = planNamed(lab.inventory, name)
    const now = clock.now().getTime()
    const rows: z.infer<typeof Row>[] = []
    const add = (at: number, row: Omit<z.infer<typeof Row>, 'at' | 'ageMs'>) =>
      rows.push({ ...row, at: new Date(at).toISOString(), ageMs: now - at })
    const targets = isResticPlan(plan) ? [] : await lab.resolve(plan.guests, { signal })
    // Of guests each has a name of its own in a repository of restic, which has the copies of their archives.
    const kept = isResticPlan(plan)
      ? [{ called: plan.name }]
      : targets.map(({ guest: { vmid }, name: guest }) => ({ called: copyName(plan, vmid), guest }))
    const unseen: { readonly repository: string; readonly error: HomelabError }[] = []
    let seen = 0
    for (const repository of repositoriesOf(lab.inventory, plan)) {
      const look = await lookInto(repository, lab.inventory.backups, services, { fresh: true, signal })
      if ('error' in look) {
        unseen.push({ repository: titleOf(repository), error: look.error })
        continue
      }
      seen += 1
      for (const { called, ...of } of kept) {
        const { proven, pending } = evidenceIn(look.snapshots, called)
        const common = { repository: titleOf(repository), ...of }
        for (const one of proven)
          add(one.at, {
            ...common,
            snapshot: one.snapshot,
            proven: true,
            bytes: one.bytes,
            files: one.files,
            ...(one.rows === undefined ? {} : { rows: one.rows }),
          })
        for (const one of pending) add(one.at, { ...common, snapshot: one.snapshot, proven: false })
      }
    }
    if (!isResticPlan(plan)) {
      const nodes = [...new Set(targets.map(({ guest }) => guest.node))]
      for (const { name: repository, storage } of lab.inventory.repositories) {
        if (storage === undefined || !plan.to.includes(repository)) continue
        for (const node of nodes) {
          const archives = await proxmox.backups
            .archives({ node, storage }, signal)
            .catch((error: unknown): HomelabError => {
              signal.throwIfAborted()
              if (!isHomelabError(error)) throw error
              return error
            })
          if (isHomelabError(archives)) {
            unseen.push({ repository: `${repository} on ${node}`, error: archives })
            continue
          }
          seen += 1
          for (const archive of archives) {
            const of = targets.find(({ guest }) => guest.node === node && guest.vmid === archive.vmid)
            if (of === undefined) continue
            add(archive.ctime * 1000, {
              repository,
              snapshot: archive.volid,
              guest: of.name,
              proven: false,
              bytes: archive.size,
              ...drilledOf(archive),
            })
          }
        }
      }
    }
    const [first] = unseen
    if (seen === 0 && first !== undefined) throw first.error
    rows.sort((a, b) => a.ageMs - b.ageMs)
    return {
      title: titleOf(plan),
      snapshots: rows.slice(0, limit),
      of: rows.length,
      unseen: unseen.map(({ repository, error }) => ({ repository, why: error.message })),
    }
  },
  card: ({ title, snapshots, of, unseen }) => ({
    title:
      of > 0 ? `${title}: ${of} snapshots` : `Nothing is ${unseen.length > 0 ? 'found' : 'kept'} of ${title}`,
    tone: of === 0 ? 'error' : unseen.length > 0 ? 'warning' : 'neutral',
    ...(snapshots.length < of ? { text: `The newest ${snapshots.length} of ${of}.` } : {}),
    sections: [
      {
        kind: 'table',
        columns: [
          { name: 'Snapshot' },
          { name: 'In' },
          { name: 'Age' },
          { name: 'Size', align: 'right' },
          { name: 'State' },
        ],
        rows: snapshots.map((row) => [
          nameOf(row),
          row.repository,
          duration(row.ageMs),
          row.bytes === undefined ? '–' : bytes(row.bytes),
          stateCell(row),
        ]),
      },
      ...(unseen.length === 0
        ? []
        : [
            {
              kind: 'list' as const,
              title: 'Nobody could look into',
              items: unseen.map(({ repository, why }) => `${repository}: ${why}`),
            },
          ]),
    ],
  }),
})

function drilledOf(archive: Archive): Pick<z.infer<typeof Row>, 'drilled' | 'failed'> {
  const { drilled } = marksOf(archive)
  const failed = failureOf(archive)
  const iso = (at: number): string => new Date(at).toISOString()
  return {
    ...(drilled === undefined ? {} : { drilled: { at: iso(drilled.at), system: drilled.system } }),
    ...(failed === undefined ? {} : { failed: iso(failed) }),
  }
}

/** A volume id of Proxmox; restic's are plain digits. */
const isArchive = ({ snapshot }: z.infer<typeof Row>): boolean => snapshot.includes(':')

/** Of a copy in restic its id says nothing of whose it is. */
function nameOf({ snapshot, guest }: z.infer<typeof Row>): string {
  const id = snapshot.slice(0, 8)
  if (snapshot.includes(':')) return snapshot.split('/').at(-1) ?? snapshot
  return guest === undefined ? id : `${id} (${guest})`
}

function stateCell(row: z.infer<typeof Row>): Cell {
  if (row.proven) return { text: 'proven', tone: 'ok' }
  if (!isArchive(row)) return { text: 'not proven', tone: 'warning' }
  if (row.bytes === 0) return { text: 'empty', tone: 'error' }
  if (row.failed !== undefined) return { text: `drill failed ${row.failed.slice(0, 10)}`, tone: 'error' }
  if (row.drilled === undefined) return 'on the storage'
  const on = row.drilled.at.slice(0, 10)
  return cameUp(row.drilled.system) ? { text: `came up ${on}`, tone: 'ok' } : `a copy started ${on}`
}
