import { z } from 'zod'
import type { Cell } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import { bytes, share } from '../../operation/view.ts'
import { storageRows } from '../../storage/index.ts'

export const StorageOutput = z.object({
  name: z.string(),
  node: z.string(),
  kind: z.string(),
  purpose: z.string(),
  /** Bytes. */
  used: z.number().optional(),
  total: z.number().optional(),
  /** Percent. */
  warn: z.number(),
  crit: z.number(),
  problems: z.array(z.object({ severity: z.enum(['warning', 'error']), text: z.string() })),
})

export const storageList = defineOperation({
  id: 'storage.list',
  chat: 'storage list',
  title: 'List storages',
  description: 'The storages of Proxmox and the folders of homelab.yaml, with what is wrong with them.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({}),
  output: z.object({
    storages: z.array(StorageOutput),
    /** Of Proxmox itself: 0 when the token may see none. */ seen: z.int(),
  }),
  needs: ['lab', 'shells'],
  run: async (_input, { lab, shells }, { signal }) => {
    const overview = await lab.overview({ signal })
    const rows = await storageRows(lab, overview, shells, signal)
    return {
      storages: rows.map((row) => ({ ...row, problems: [...row.problems] })),
      seen: overview.storages.length,
    }
  },
  card: ({ storages, seen }) => ({
    title: `${storages.length} storages`,
    ...(seen === 0 ? { text: storagesHidden } : {}),
    tone: toneOf(storages.flatMap((storage) => storage.problems)),
    sections: [
      {
        kind: 'table',
        columns: storageColumns,
        rows: storages.map(storageCells),
      },
    ],
  }),
})

export const storageColumns = [
  { name: 'Storage' },
  { name: 'Node' },
  { name: 'Used', align: 'right' as const },
  { name: 'Of', align: 'right' as const },
  { name: 'Full', align: 'right' as const },
  { name: 'State' },
]

export const storageCells = (row: z.infer<typeof StorageOutput>): readonly Cell[] => [
  row.name,
  row.node,
  row.used === undefined ? '–' : bytes(row.used),
  row.total === undefined ? '–' : bytes(row.total),
  row.used === undefined || row.total === undefined
    ? '–'
    : share(row.used, row.total, row.warn / 100, row.crit / 100),
  row.problems.length === 0
    ? { text: 'fine', tone: 'ok' }
    : { text: row.problems.map((problem) => problem.text).join('; '), tone: toneOf(row.problems) },
]

export const toneOf = (problems: readonly { severity: 'warning' | 'error' }[]) =>
  problems.some((problem) => problem.severity === 'error') ? 'error' : problems.length > 0 ? 'warning' : 'ok'

/** Every Proxmox has at least one storage: an empty list is a filtered one. */
export const storagesHidden =
  'Proxmox shows this token no storages: it lacks Datastore.Audit on /storage (pveum acl modify /storage, role PVEAuditor, for the user and the token).'
