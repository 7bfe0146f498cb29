import { z } from 'zod'
import { errorData, isHomelabError } from '../../errors.ts'
import type { Lab, Target } from '../../inventory/types.ts'
import type { Cell } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import { duration, guestPlace } from '../../operation/view.ts'
import { inParallel } from '../../parallel.ts'
import type { Shells } from '../../shell/types.ts'
import { lookInside } from '../../update/look.ts'

/** Containers that are looked into at once: each look reads all of its packages from disk. */
const AT_ONCE = 3
const LOOK_MS = 30_000
const REFRESH_MS = 120_000

export const WaitingRow = z.object({
  name: z.string(),
  from: z.string().optional(),
  to: z.string(),
  security: z.boolean(),
})

const Row = z.object({
  name: z.string(),
  vmid: z.int(),
  type: z.enum(['lxc', 'qemu']),
  node: z.string(),
  /** `skipped`: not looked into, with the reason; `failed`: it did not answer as it should. */
  state: z.enum(['looked', 'skipped', 'failed']),
  why: z.string().optional(),
  system: z.string().optional(),
  /** Absent: packages of this system are not known here. */
  manager: z.enum(['apt', 'apk']).optional(),
  waiting: z.array(WaitingRow),
  security: z.int(),
  /** Packages that are held back. */
  kept: z.int(),
  /** Milliseconds since its lists of packages were read. */
  listsAge: z.number().optional(),
  /** A script of the community made it, and its `update` brings what is newest. */
  helper: z.object({ app: z.string(), version: z.string().optional() }).optional(),
})
type Row = z.infer<typeof Row>

export const updateCheck = defineOperation({
  id: 'update.check',
  chat: 'update check',
  title: 'See what waits for an update',
  description:
    'In every running container: packages, how many of them for security, and the scripts of the community. Nothing is changed; the lists of packages are read anew only with `refresh`.',
  risk: 'read',
  permission: 'viewer',
  rare: true,
  input: z.object({
    services: z
      .array(z.string())
      .max(200)
      .default([])
      .describe('Services, guests or @stack; default: all')
      .meta({ suggest: 'services' }),
    refresh: z.boolean().default(false).describe('Let each read its lists of packages anew first'),
  }),
  output: z.object({ guests: z.array(Row), waiting: z.int(), security: z.int() }),
  positional: ['services'],
  examples: ['update check', 'update check @media refresh:true'],
  needs: ['lab', 'shells'],
  run: async ({ services, refresh }, { lab, shells }, { signal, report }) => {
    const targets = await lab.resolve(services.length === 0 ? await everyGuest(lab, signal) : services, {
      signal,
    })
    // Several services may be in one container.
    const each = [...new Map(targets.map((target) => [target.guest.vmid, target])).values()]
    let done = 0
    const guests = await inParallel(each, AT_ONCE, async (target) => {
      const row = await rowOf(target, shells, refresh, signal)
      done += 1
      report({ text: `looked into ${target.name}`, done, total: each.length, unit: 'items' })
      return row
    })
    return {
      guests,
      waiting: sum(guests.map(({ waiting }) => waiting.length)),
      security: sum(guests.map(({ security }) => security)),
    }
  },
  failed: ({ guests }) => guests.some(({ state }) => state === 'failed'),
  card: ({ guests, waiting, security }) => {
    const looked = guests
      .filter(({ state }) => state === 'looked')
      .toSorted((a, b) => b.security - a.security || b.waiting.length - a.waiting.length)
    const others = guests.filter(({ state }) => state !== 'looked')
    const first = looked.find((row) => row.waiting.length > 0)
    return {
      title:
        waiting === 0
          ? 'No update waits'
          : `${waiting} ${waiting === 1 ? 'update waits' : 'updates wait'}${security > 0 ? `, ${security} for security` : ''}`,
      tone: security > 0 || guests.some(({ state }) => state === 'failed') ? 'warning' : 'ok',
      sections: [
        ...(looked.length === 0
          ? []
          : [
              {
                kind: 'table' as const,
                columns: [
                  { name: 'Guest' },
                  { name: 'Updates', align: 'right' as const },
                  { name: 'Security', align: 'right' as const },
                  { name: 'Lists of' },
                  { name: 'Script' },
                ],
                rows: looked.map(cells),
              },
            ]),
        ...(others.length === 0
          ? []
          : [
              {
                kind: 'list' as const,
                title: 'Not known',
                items: others.map(({ name, why = '' }) => `${name}: ${why}`),
              },
            ]),
      ],
      ...(first === undefined
        ? {}
        : {
            buttons: [
              {
                label: `Update ${first.name}`,
                action: { kind: 'command' as const, text: `update run ${first.name}` },
              },
            ],
          }),
      footer: 'The nodes themselves are in the digest.',
    }
  },
})

/** Also those that homelab.yaml does not know. */
async function everyGuest(lab: Lab, signal: AbortSignal): Promise<string[]> {
  const { guests } = await lab.overview({ signal })
  return guests.filter(({ template }) => !template).map(({ vmid }) => String(vmid))
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0)

function cells(row: Row): readonly Cell[] {
  const known = row.manager !== undefined
  const { helper } = row
  return [
    row.name,
    known ? String(row.waiting.length) : `not known (${row.system === '' ? 'no name' : (row.system ?? '')})`,
    row.security > 0 ? { text: String(row.security), tone: 'warning' } : known ? '0' : '–',
    row.listsAge === undefined ? '–' : `${duration(row.listsAge)} ago`,
    helper === undefined ? '–' : `${helper.app}${helper.version === undefined ? '' : ` ${helper.version}`}`,
  ]
}

/** One that hangs, or has no answer, is a row like the others. */
async function rowOf(
  { name, guest }: Target,
  shells: Shells,
  refresh: boolean,
  signal: AbortSignal,
): Promise<Row> {
  const base = {
    name,
    vmid: guest.vmid,
    type: guest.type,
    node: guest.node,
    waiting: [],
    security: 0,
    kept: 0,
  }
  const skipped = (why: string): Row => ({ ...base, state: 'skipped', why })
  if (guest.type !== 'lxc') return skipped('a virtual machine, which looks after itself')
  if (guest.status !== 'running') return skipped(`it is ${guest.status}, and is not started for this`)
  if (!shells.has(guest.node)) return skipped(`there is no SSH access to ${guest.node}`)
  try {
    const limitMs = refresh ? REFRESH_MS : LOOK_MS
    const { waiting, ...inside } = await lookInside(shells.guest(guest), { refresh, limitMs, signal })
    return {
      ...base,
      ...inside,
      state: 'looked',
      waiting: waiting.map((each) => ({ ...each })),
      security: waiting.filter((each) => each.security).length,
    }
  } catch (error) {
    signal.throwIfAborted()
    if (!isHomelabError(error)) throw error
    const why = error.code === 'timeout' ? 'it did not answer in time' : errorData(error).message
    return { ...base, state: 'failed', why: `${why} (${guestPlace(guest)})` }
  }
}
