/** The digest as one card: what is wrong first, all that is well in a word. */
import type { Button, Card, Cell, Section, Tone } from '../operation/card.ts'
import { bytes, duration, grown, share } from '../operation/view.ts'
import { quoteWord } from '../operation/words.ts'
import { timeIn } from '../operations/schedule/row.ts'
import type { BackupLine, BackupSize, DigestOutput, IncidentLine, RunLine, StorageLine } from './types.ts'

/** Lines of one list; a card is read on a phone. */
const MOST = 8
const DAY_MS = 86_400_000
/** Proxmox renews its own two weeks before they are over: one that is older was not renewed. */
const SOON_MS = 14 * DAY_MS

/** Its tone is `ok` when there is nothing that anybody has to know, and then only. */
export function digestCard(output: DigestOutput): Card {
  const { storages = [], unseen, runs, backups, tunnel, incidents } = output
  const open = (incidents?.open ?? []).filter((incident) => !isListed(incident, output))
  const bad = {
    errors:
      (runs?.failed.length ?? 0) +
      (backups?.others.length ?? 0) +
      storages.filter(({ problems }) => problems.some(({ severity }) => severity === 'error')).length +
      (tunnel !== undefined && tunnel.status !== 'healthy' && tunnel.status !== 'degraded' ? 1 : 0) +
      open.filter(({ severity }) => severity === 'critical').length,
    warnings:
      storages.filter(({ problems }) => toneOf(problems) === 'warning').length +
      (tunnel?.status === 'degraded' ? 1 : 0) +
      open.filter(({ severity }) => severity !== 'critical').length +
      soon(output).length,
  }
  const count = bad.errors + bad.warnings
  const news = (incidents?.over.length ?? 0) + waiting(output)
  const tone: Tone =
    bad.errors > 0 ? 'error' : count + unseen.length > 0 ? 'warning' : news > 0 ? 'neutral' : 'ok'
  const sections = [
    ...failedRuns(output),
    ...incidentLists(output),
    ...backupList(output),
    ...sizeTable(backups?.sizes ?? []),
    ...storageTable(storages),
    ...upkeepLists(output),
    list(
      'Done by people',
      (runs?.people ?? []).map((run) => runText(run, output)),
    ),
    list(
      'Could not be looked at',
      unseen.map(({ part, text }) => `${part}: ${text}`),
    ),
  ].flat()
  return {
    title: `${sinceText(output)}: ${count === 0 ? 'nothing is wrong' : `${count} ${count === 1 ? 'thing is' : 'things are'} wrong`}`,
    tone,
    sections: [{ kind: 'fields', fields: glance(output) }, ...sections],
    buttons: buttonsOf(output),
  }
}

/** Of a backup or a storage that is told of anyway: one thing that is wrong, and not two. */
const isListed = ({ plan, storage }: IncidentLine, { backups, storages = [] }: DigestOutput): boolean =>
  (plan !== undefined && backups?.others.some((each) => each.plan === plan) === true) ||
  (storage !== undefined && storages.some(({ name, problems }) => name === storage && problems.length > 0))

const toneOf = (problems: StorageLine['problems']): 'error' | 'warning' | 'ok' =>
  problems.some(({ severity }) => severity === 'error') ? 'error' : problems.length > 0 ? 'warning' : 'ok'

const soon = ({ certificates = [], at }: DigestOutput) =>
  certificates.filter(({ until }) => Date.parse(until) - Date.parse(at) < SOON_MS)

const waiting = ({ updates = [] }: DigestOutput): number =>
  updates.reduce((sum, { packages }) => sum + packages.length, 0)

function sinceText({ since, at, timezone }: DigestOutput): string {
  const ms = Date.parse(at) - Date.parse(since)
  return ms > 0.8 * DAY_MS && ms < 1.2 * DAY_MS ? 'Since yesterday' : `Since ${timeIn(timezone, since)}`
}

const clock = ({ timezone }: Pick<DigestOutput, 'timezone'>, at: string): string =>
  timeIn(timezone, at).split(', ')[1] ?? ''

function glance(output: DigestOutput): { readonly name: string; readonly value: string }[] {
  const { runs, incidents, backups, updates, certificates, tunnel } = output
  const fields: { name: string; value: string }[] = []
  const add = (name: string, ...parts: (string | undefined)[]) => {
    const value = parts.filter((each) => each !== undefined).join(', ')
    fields.push({ name, value: value === '' ? 'none' : value })
  }
  const some = (count: number, text: string) => (count === 0 ? undefined : `${count} ${text}`)
  if (runs !== undefined)
    add(
      'Runs',
      some(runs.failed.length, 'failed'),
      some(runs.succeeded, 'succeeded'),
      some(runs.cancelled, 'cancelled'),
      some(runs.active, runs.active === 1 ? 'goes on' : 'go on'),
    )
  if (incidents !== undefined)
    add('Incidents', some(incidents.open.length, 'open'), some(incidents.over.length, 'over'))
  if (backups !== undefined)
    add('Backups', some(backups.others.length, 'not fresh'), some(backups.fresh, 'fresh'))
  if (updates !== undefined) add('Updates', some(waiting(output), 'packages of the nodes wait'))
  const [next] = certificates ?? []
  if (next !== undefined)
    add('Certificates', `the next one is over in ${left(next.until, output.at)} (${next.node})`)
  if (tunnel !== undefined) add('Tunnel', tunnel.status, some(tunnel.connections, 'connections'))
  return fields
}

/** Days are enough. */
function left(until: string, at: string): string {
  const ms = Date.parse(until) - Date.parse(at)
  if (ms <= 0) return '0 days: it is over'
  return ms < 2 * DAY_MS ? duration(ms) : `${Math.floor(ms / DAY_MS)} days`
}

function list(title: string, items: readonly string[]): Section[] {
  if (items.length === 0) return []
  const shown = items.slice(0, MOST)
  if (items.length > MOST) shown.push(`… ${items.length - MOST} more`)
  return [{ kind: 'list', title, items: shown }]
}

const runText = ({ title, who, at, error }: RunLine, output: DigestOutput): string =>
  `${title} (${who}, ${clock(output, at)})${error === undefined ? '' : `: ${error}`}`

const failedRuns = (output: DigestOutput): Section[] =>
  list(
    'Failed',
    (output.runs?.failed ?? []).map((run) => runText(run, output)),
  )

function incidentLists(output: DigestOutput): Section[] {
  const text = ({ severity, title, at, until, by, beneath }: IncidentLine): string =>
    [
      `${severity}: ${title}`,
      until === undefined
        ? `since ${timeIn(output.timezone, at)}`
        : `at ${clock(output, at)}, over after ${duration(Date.parse(until) - Date.parse(at))}`,
      ...(beneath === 0 ? [] : [`${beneath} more beneath it`]),
      ...(by === undefined ? [] : [`${by} ${until === undefined ? 'looks' : 'looked'} after it`]),
    ].join(', ')
  const { open, over } = output.incidents ?? { open: [], over: [] }
  return [...list('Open incidents', open.map(text)), ...list('Incidents that are over', over.map(text))]
}

const backupWords: Record<BackupLine['state'], string> = {
  fresh: 'fresh',
  stale: 'not fresh',
  never: 'no proven backup',
  unknown: 'not known',
}

const backupList = ({ backups }: DigestOutput): Section[] =>
  list(
    'Backups that are not as they should be',
    (backups?.others ?? []).map(({ title, repository, state, ageMs, why }) =>
      [
        `${title} in ${repository}: ${backupWords[state]}`,
        ...(ageMs === undefined ? [] : [`the last one is ${duration(ageMs)} old`]),
        ...(why === undefined ? [] : [why]),
      ].join(', '),
    ),
  )

/** How large what is saved is, and by how much it has grown: a backup that stands still may be none. */
function sizeTable(sizes: readonly BackupSize[]): Section[] {
  if (sizes.length === 0) return []
  const shown = sizes.slice(0, MOST)
  const trend = shown.some(({ weekAgo }) => weekAgo !== undefined)
  return [
    {
      kind: 'table',
      title: shown.length < sizes.length ? `Backups (${shown.length} of ${sizes.length})` : 'Backups',
      columns: [
        { name: 'Backup' },
        { name: 'In' },
        { name: 'Size', align: 'right' },
        ...(trend ? [{ name: 'In a week', align: 'right' as const }] : []),
      ],
      rows: shown.map((size) => [
        size.title,
        size.repository,
        bytes(size.bytes),
        ...(trend ? [grown(size.bytes, size.weekAgo)] : []),
      ]),
    },
  ]
}

function storageTable(storages: readonly StorageLine[]): Section[] {
  if (storages.length === 0) return []
  const grows = storages.some(({ grown }) => grown !== undefined)
  const wrong = storages.filter(({ problems }) => problems.length > 0)
  const shown = storages.slice(0, Math.max(MOST, wrong.length))
  return [
    {
      kind: 'table',
      title: shown.length < storages.length ? `Storages (${shown.length} of ${storages.length})` : 'Storages',
      columns: [
        { name: 'Storage' },
        { name: 'Full', align: 'right' },
        { name: 'Free', align: 'right' },
        ...(grows ? [{ name: 'Grown', align: 'right' as const }] : []),
        { name: 'State' },
      ],
      rows: shown.map((row) => [row.name, ...fullness(row), ...(grows ? [grownText(row)] : []), state(row)]),
    },
  ]
}

const fullness = ({ used, total, warn, crit }: StorageLine): readonly Cell[] =>
  used === undefined || total === undefined
    ? ['–', '–']
    : [share(used, total, warn / 100, crit / 100), bytes(Math.max(0, total - used))]

/** Less than a thousandth of it is no growth that anybody has to see. */
function grownText({ grown, total = 0 }: StorageLine): string {
  if (grown === undefined) return '–'
  if (Math.abs(grown) < total / 1_000) return 'the same'
  return `${grown > 0 ? '+' : '−'}${bytes(Math.abs(grown))}`
}

const state = ({ problems }: StorageLine): Cell => ({
  text: problems.length === 0 ? 'fine' : problems.map(({ text }) => text).join('; '),
  tone: toneOf(problems),
})

function upkeepLists(output: DigestOutput): Section[] {
  const updates = (output.updates ?? []).filter(({ packages }) => packages.length > 0)
  return [
    ...list(
      'Updates that wait',
      updates.map(({ node, packages, kernel }) => {
        const more = packages.length > 4 ? ` and ${packages.length - 4} more` : ''
        const restart = kernel ? '; a new kernel wants a restart of the node' : ''
        return `${node}: ${packages.slice(0, 4).join(', ')}${more}${restart}`
      }),
    ),
    ...list(
      'Certificates that are over soon',
      soon(output).map(({ node, file, until }) => `${file} of ${node}: in ${left(until, output.at)}`),
    ),
  ]
}

function buttonsOf({ runs, backups, storages = [] }: DigestOutput): Button[] {
  const texts = [
    ...(runs?.failed ?? []).slice(0, 1).map(({ id }) => `run show ${id}`),
    ...new Set((backups?.others ?? []).map(({ plan }) => `backup run ${plan}`)),
    ...storages
      .filter(({ problems }) => problems.length > 0)
      .map(({ name }) => `storage show ${quoteWord(name)}`),
  ]
  return texts.slice(0, 4).map((text) => ({
    label: text.charAt(0).toUpperCase() + text.slice(1),
    action: { kind: 'command' as const, text },
  }))
}
