import { z } from 'zod'
import type { GuestsTried } from '../../backup/guests-tried.ts'
import { planNamed } from '../../backup/plan.ts'
import { doubted, planStatuses } from '../../backup/status.ts'
import type { Card, Cell } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import { bytes, duration, grown } from '../../operation/view.ts'
import { planInput, Shrunk, shrunkText } from './inputs.ts'

const Guest = z.object({
  name: z.string(),
  /** ISO 8601. */
  at: z.string(),
})
/** Each list begins with the one of the longest ago. */
const Guests = z.object({
  of: z.int(),
  /** The system of their copy came up. */
  proven: z.array(Guest).readonly(),
  /** Their copy started; whether its system comes up is not known. */
  started: z.array(Guest).readonly(),
  /** Their last drill failed. */
  failed: z.array(Guest).readonly(),
  /** No drill of them came to an end yet. */
  untried: z.array(z.string()).readonly(),
  /** Of their copies by restic, which are restored as files. */
  copies: z.literal(true).optional(),
})

const Row = z.object({
  plan: z.string(),
  title: z.string(),
  repository: z.string(),
  state: z.enum(['fresh', 'stale', 'never', 'unknown']),
  /** ISO 8601: the newest that is proven. */
  last: z.string().optional(),
  ageMs: z.number().optional(),
  freshMs: z.number(),
  count: z.int(),
  bytes: z.number().optional(),
  /** Bytes of the one that was the newest a week ago, if it is kept. */
  weekAgo: z.number().optional(),
  files: z.number().optional(),
  rows: z.number().optional(),
  /** ISO 8601: when one was restored for a trial, and was whole. */
  restored: z.string().optional(),
  /** ISO 8601: when the last drill found something wrong, unless one has passed since. */
  drillFailed: z.string().optional(),
  /** Of archives of guests, and of their copies: what their drills have shown. */
  guests: Guests.optional(),
  pending: z.int(),
  shrunk: z.array(Shrunk).readonly(),
  why: z.string().optional(),
})
type Row = z.infer<typeof Row>

export const backupStatus = defineOperation({
  id: 'backup.status',
  chat: 'backup status',
  title: 'How the backups stand',
  description:
    'The newest proven snapshot of each plan, by what is in the repositories now and not by what a run said of itself.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({
    plan: planInput.optional(),
    fresh: z.boolean().default(false).describe('Look again, and not at what was found a minute ago'),
  }),
  output: z.object({ plans: z.array(Row) }),
  positional: ['plan'],
  examples: ['backup status', 'backup status photos'],
  needs: ['lab', 'shells', 'secrets', 'clock', 'proxmox'],
  run: async ({ plan: name, fresh }, services, { signal }) => {
    const { inventory } = services.lab
    const plans = name === undefined ? inventory.backups : [planNamed(inventory, name)]
    const now = services.clock.now().getTime()
    const rows = await planStatuses(services, plans, { fresh, signal })
    return {
      plans: rows.map(({ last, restored, drillFailed, guests, ...row }) => ({
        ...row,
        ...(guests === undefined ? {} : { guests: guestsOf(guests) }),
        shrunk: [...row.shrunk],
        ...(restored === undefined ? {} : { restored: new Date(restored).toISOString() }),
        ...(drillFailed === undefined ? {} : { drillFailed: new Date(drillFailed).toISOString() }),
        ...(last === undefined ? {} : { last: new Date(last).toISOString(), ageMs: now - last }),
      })),
    }
  },
  failed: ({ plans }) => plans.some(({ state }) => state !== 'fresh'),
  card: ({ plans }): Card => {
    const trend = plans.some(({ weekAgo }) => weekAgo !== undefined)
    const bad = plans.filter(({ state }) => state !== 'fresh')
    const less = plans.filter(({ shrunk }) => shrunk.length > 0)
    const doubtful = [...new Set(plans.flatMap(doubted))]
    const tried = plans.flatMap(({ title, repository, guests }) =>
      guests === undefined || isUntried(guests) ? [] : [`${title} in ${repository}: ${guestsText(guests)}`],
    )
    const notes = [
      ...bad.flatMap(({ title, why }) => (why === undefined ? [] : [`${title}: ${why}`])),
      ...less.map(({ title, shrunk }) => `${title}: ${shrunk.map(shrunkText).join('; ')}`),
      ...plans.flatMap(({ title, repository, drillFailed }) =>
        drillFailed === undefined
          ? []
          : [
              `${title} in ${repository}: its drill of ${drillFailed.slice(0, 10)} failed; nothing of it is pruned there until one passes`,
            ],
      ),
      ...plans.flatMap(({ title, pending }) =>
        pending === 0 ? [] : [`${title}: ${pending} saved and not proven; they do not count`],
      ),
    ]
    return {
      title:
        plans.length === 0
          ? 'No backup plans'
          : bad.length === 0
            ? `All backups are fresh${doubtful.length === 0 ? '' : `; the last drill of ${doubtful.join(', ')} failed`}`
            : `${bad.length} of ${plans.length} backups are not fresh`,
      tone:
        bad.length > 0 || plans.length === 0 ? 'error' : less.length + doubtful.length > 0 ? 'warning' : 'ok',
      sections: [
        {
          kind: 'table',
          columns: [
            { name: 'Plan' },
            { name: 'In' },
            { name: 'Last proven' },
            { name: 'Size', align: 'right' },
            ...(trend ? [{ name: 'In a week', align: 'right' as const }] : []),
            { name: 'Kept', align: 'right' },
            { name: 'Restored' },
            { name: 'State' },
          ],
          rows: plans.map((row) => [
            row.title,
            row.repository,
            row.ageMs === undefined ? '–' : `${duration(row.ageMs)} ago`,
            row.bytes === undefined ? '–' : bytes(row.bytes),
            ...(trend ? [grown(row.bytes, row.weekAgo)] : []),
            String(row.count),
            // The day is enough, and true for as long as the card is looked at.
            row.restored?.slice(0, 10) ??
              (row.guests && row.guests.started.length > 0 ? 'not known' : 'never'),
            stateCell(row),
          ]),
        },
        ...(tried.length === 0
          ? []
          : [{ kind: 'list' as const, title: 'Guests restored for a trial', items: tried }]),
        ...(notes.length === 0 ? [] : [{ kind: 'list' as const, title: 'Mind', items: notes }]),
      ],
      buttons: [...new Set(bad.map(({ plan }) => plan))].slice(0, 4).map((plan) => ({
        label: `Back up ${plan}`,
        style: 'primary' as const,
        action: { kind: 'command' as const, text: `backup run ${plan}` },
      })),
    }
  },
})

const guestsOf = ({ proven, started, failed, untried, ...tried }: GuestsTried): z.infer<typeof Guests> => {
  const told = (each: GuestsTried['proven']) =>
    each.map(({ name, at }) => ({ name, at: new Date(at).toISOString() }))
  return {
    ...tried,
    proven: told(proven),
    started: told(started),
    failed: told(failed),
    untried: [...untried],
  }
}

const isUntried = ({ proven, started, failed }: z.infer<typeof Guests>): boolean =>
  proven.length + started.length + failed.length === 0

const dayOf = ({ name, at }: z.infer<typeof Guest>): string => `${name} ${at.slice(0, 10)}`

/** `3 of 12 guests came up, last web 2026-11-26, oldest plex 2026-11-05`. */
function guestsText({ of, proven, started, failed, untried, copies }: z.infer<typeof Guests>): string {
  const [oldest, newest] = [proven[0], proven.at(-1)]
  return [
    `${proven.length} of ${of} ${copies ? 'copies were whole' : 'guests came up'}${newest === undefined ? '' : `, last ${dayOf(newest)}`}${oldest === undefined || oldest === newest ? '' : `, oldest ${dayOf(oldest)}`}`,
    ...(started.length === 0
      ? []
      : [`a copy starts of ${started.map(dayOf).join(', ')}; whether its system comes up is not known`]),
    ...(failed.length === 0 ? [] : [`the last drill failed of ${failed.map(dayOf).join(', ')}`]),
    ...(untried.length === 0 ? [] : [`no drill came to an end yet of ${untried.join(', ')}`]),
  ].join('; ')
}

function stateCell({ state, freshMs, shrunk, ...row }: Row): Cell {
  if (state === 'fresh') {
    if (shrunk.length > 0) return { text: 'smaller', tone: 'warning' }
    return doubted(row).length > 0 ? { text: 'drill failed', tone: 'warning' } : { text: 'fresh', tone: 'ok' }
  }
  if (state === 'stale') return { text: `stale (limit ${duration(freshMs)})`, tone: 'error' }
  if (state === 'never') return { text: 'never', tone: 'error' }
  return { text: 'not known', tone: 'error' }
}
