/** Looks now and then how full the storages are, those of Proxmox and the folders of the file, and tells before they are full. */
import {
  bytes,
  type Clock,
  type Lab,
  type Overview,
  type Registry,
  runInline,
  type Services,
} from '@homelab/core'
import type { Severity } from '@homelab/core/alerts'
import { type StorageRow, storageRows } from '@homelab/core/storage'
import { z } from 'zod'
import type { FactStore } from '../chat/connector.ts'
import type { Tell } from '../incidents/tell.ts'
import { startLoop } from './loop.ts'
import { createProblems, type Sight } from './problems.ts'
import type { Watch, WatchLog } from './types.ts'

const LONGEST_MS = 120_000
/** Percent below its limit that a storage must be for it to be over: at the limit it would come and go. */
const SLACK = 2
const DAY_MS = 86_400_000

export interface StorageWatchOptions {
  readonly lab: Lab
  readonly shells: Services['shells']
  readonly registry: Registry
  /** For the graph's forecast, which is the operation's own. */
  readonly services: () => Partial<Services>
  readonly facts: FactStore
  readonly tell: Tell
  readonly clock: Clock
  readonly log: WatchLog
  readonly wanted?: (() => boolean) | undefined
  /** Milliseconds before the first look, and between two. */
  readonly firstMs: number
  readonly everyMs: number
}

/** Of what `graph.show` answers. */
const Graph = z.object({
  forecast: z.object({ kind: z.string(), at: z.number().optional() }).optional(),
})

export function startStorageWatch(options: StorageWatchOptions): Watch {
  const { lab, shells, registry, services, clock } = options
  const problems = createProblems({ ...options, name: 'watch.storages', looks: 1 })

  /** In words; empty when nobody can say. */
  async function whenFull(name: string, signal: AbortSignal): Promise<string> {
    const operation = registry.byId('graph.show')
    if (operation === undefined) return ''
    try {
      const answer = await runInline(operation, { target: 'storage', words: [name, '7d'] }, services(), {
        clock,
        signal,
      })
      const { forecast } = Graph.parse(answer)
      if (forecast?.kind !== 'full' || forecast.at === undefined) return ''
      const days = (forecast.at - clock.now().getTime()) / DAY_MS
      return days < 1
        ? ' It will be full within a day.'
        : ` It will be full in about ${Math.round(days)} days.`
    } catch {
      signal.throwIfAborted()
      // Of many nobody keeps a record: that is no trouble.
      return ''
    }
  }

  async function spaceOf(
    row: StorageRow,
    overview: Overview,
    signal: AbortSignal,
  ): Promise<readonly Sight[]> {
    const key = keyOf(row)
    const { name, used, total, unmounted } = row
    const about = aboutOf(row)
    const mount = `mount/${row.node}/${name}`
    const entry = lab.inventory.storages.find((each) => each.name === name)
    const folder = entry !== undefined && entry.storage === undefined
    if (unmounted === true) {
      const text = `${entry?.path ?? name} on ${row.node} is an empty folder of the root disk: whatever is written there goes to that.`
      const wrong = {
        kind: 'down',
        severity: 'critical',
        title: `${name} is not mounted`,
        text,
        about,
      } as const
      return [
        { key: mount, is: 'wrong', ...wrong, buttons: [command('Storage', `storage show ${name}`)] },
        { key, is: 'unclear' },
      ]
    }
    if (used === undefined || total === undefined || total === 0) {
      const why = row.problems.find(({ severity }) => severity === 'error')?.text
      const gone =
        entry?.storage !== undefined && !overview.storages.some(({ storage }) => storage === entry.storage)
      const deaf = folder && !shells.has(row.node)
      const blind = deaf ? row.problems[0]?.text : folder || gone ? why : undefined
      const sight: Sight =
        blind === undefined
          ? { key, is: 'unclear' }
          : { key, is: 'blind', title: `How full ${name} is cannot be seen`, text: blind, about }
      return folder ? [sight, { key: mount, is: 'unclear' }] : [sight]
    }
    const mounted: readonly Sight[] = folder
      ? [{ key: mount, is: 'fine', title: `${name} is mounted again` }]
      : []
    const percent = (used / total) * 100
    const before = problems.severity(key)
    const severity = fullness(percent, row, before)
    if (severity === undefined)
      return [{ key, is: 'fine', title: `${name} has room again: ${Math.round(percent)} % full` }, ...mounted]
    const when = severity === before ? '' : await whenFull(name, signal)
    const free = `${bytes(used)} of ${bytes(total)} are used, ${bytes(total - used)} are free.`
    return [
      {
        key,
        is: 'wrong',
        kind: 'full',
        severity,
        title: `${name} is ${Math.round(percent)} % full`,
        text: `${free}${when}`,
        about,
        buttons: [
          command('Graph', `graph storage ${name} 30d`, 'primary'),
          command('Storage', `storage show ${name}`),
        ],
      },
      ...mounted,
    ]
  }

  return startLoop(
    async (signal) => {
      // A lab that is away is told as such.
      const overview = await lab.overview({ signal }).catch(() => undefined)
      signal.throwIfAborted()
      if (overview === undefined || overview.filtered) return
      if (overview.storages.length === 0 && problems.any()) return
      const rows = await storageRows(lab, overview, shells, signal, 'space')
      const sights: Sight[] = []
      for (const row of rows) sights.push(...(await spaceOf(row, overview, signal)))
      await problems.see(sights)
    },
    { ...options, trouble: 'the storages cannot be looked at', longestMs: LONGEST_MS },
  )
}

const keyOf = ({ node, name }: StorageRow): string => `storage/${node}/${name}`

const aboutOf = ({ node, name }: StorageRow) => ({
  storage: name,
  ...(node === '' || node === 'shared' ? {} : { node }),
})

const command = (label: string, text: string, style?: 'primary') => ({
  label,
  action: { kind: 'command' as const, text },
  ...(style === undefined ? {} : { style }),
})

/** @param before as it is told to be; undefined: it is not */
export function fullness(
  percent: number,
  { warn, crit }: Pick<StorageRow, 'warn' | 'crit'>,
  before: Severity | undefined,
): Exclude<Severity, 'info'> | undefined {
  if (percent >= crit - (before === 'critical' ? SLACK : 0)) return 'critical'
  return percent >= warn - (before === undefined ? 0 : SLACK) ? 'warning' : undefined
}
