/** What trouble with the backups looks like, while it lasts and when it is over. */
import { type Button, type Card, duration } from '@homelab/core'
import { isOver, type Trouble } from './backup-troubles.ts'
import { clockTime, fewOf, span } from './words.ts'

/** Rows of a table: more would be no card. */
const MOST = 30

const command = (label: string, text: string, style?: Button['style']): Button => ({
  label,
  action: { kind: 'command', text },
  ...(style === undefined ? {} : { style }),
})

const status = command('All backups', 'backup status')

export function troubleCard(trouble: Trouble, now: Date): Card {
  if (isOver(trouble)) return overCard(trouble, now)
  const { kind, title, repository, press, last, freshMs = 0, why } = trouble
  const newest = last === undefined ? '' : `The newest that is proven is of ${clockTime(iso(last), now)} UTC`
  switch (kind) {
    case 'stale':
      return {
        title: `${title}: no fresh backup in ${repository}`,
        tone: 'error',
        text: `${newest}, ${duration(now.getTime() - (last ?? 0))} ago; it may be ${duration(freshMs)} old.`,
        buttons: [command('Back up now', press, 'primary'), status],
      }
    case 'never':
      return {
        title: `${title}: no proven backup in ${repository}`,
        tone: 'error',
        text: why === undefined ? 'There is nothing to restore from there.' : `It has ${why}.`,
        buttons: [command('Back up now', press, 'primary'), status],
      }
    case 'smaller':
      return {
        title: `${title}: the newest backup in ${repository} is smaller`,
        tone: 'warning',
        text: `${newest}. It has ${why} than the one before. Nothing older is removed until somebody has looked.`,
        buttons: [command('What there is', press, 'primary'), status],
      }
    case 'unknown':
      return {
        title: `${repository} cannot be looked at`,
        tone: 'error',
        text: `Whether the backups there are fresh is not known: ${fewOf(title.split(', '))}. ${why ?? ''}`.trim(),
        buttons: [command('Look again', press, 'primary')],
      }
    case 'damaged':
      return {
        title: `${repository} is damaged`,
        tone: 'error',
        text: `${why} was read at ${clockTime(iso(last ?? 0), now)} UTC and is not what was stored. Back up to another repository, repair this one, then read all of it.`,
        buttons: [command('Read all of it', press), status],
      }
  }
}

const iso = (ms: number): string => new Date(ms).toISOString()

function overCard({ kind, title, repository, since, endAt = since, end }: Trouble, now: Date): Card {
  const text = `It took ${span(since, endAt, now)}.`
  if (end === 'gone')
    return { title: `${title} is not backed up to ${repository} any more`, tone: 'neutral', text }
  return { title: overTitle(kind, title, repository), tone: 'ok', text, buttons: [status] }
}

function overTitle(kind: Trouble['kind'], title: string, repository: string): string {
  if (kind === 'unknown') return `${repository} can be looked at again`
  if (kind === 'damaged') return `${repository} was read and is sound again`
  if (kind === 'smaller')
    return `${title}: the newest backup in ${repository} is no smaller than the one before`
  return `${title} is fresh again in ${repository}`
}

/** Something that no plan has. */
export interface Bare {
  readonly name: string
  readonly where: string
  readonly why?: string | undefined
}

export const uncoveredCard = (bare: readonly Bare[]): Card => ({
  title: bare.length === 1 ? `${bare[0]?.name} is in no backup` : `${bare.length} things are in no backup`,
  tone: 'warning',
  text: 'Add them to a plan in homelab.yaml, or to `unprotected` with the reason why they may be lost.',
  sections: [
    {
      kind: 'table',
      columns: [{ name: 'What' }, { name: 'Where' }, { name: 'Why' }],
      rows: bare.slice(0, MOST).map(({ name, where, why = '–' }) => [name, where, why]),
    },
  ],
  buttons: [command('Coverage', 'backup coverage')],
  ...(bare.length > MOST ? { footer: `… ${bare.length - MOST} more` } : {}),
})
