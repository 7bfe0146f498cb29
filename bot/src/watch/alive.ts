/** Notes that the bot lives, and tells when it was away. */
import { type Card, duration, type RunView, type Section } from '@homelab/core'
import { z } from 'zod'
import type { WatchOptions } from './types.ts'
import { clockTime, span } from './words.ts'

const Alive = z.object({ at: z.string(), ended: z.boolean() })
const Back = z.object({ card: z.string(), at: z.string(), since: z.string(), times: z.int() })

/** An orderly end and a start within this time is a restart, of which nobody needs to be told. */
const AWAY_MS = 120_000
const BEAT_MS = 60_000
/** Whoever comes back again so soon changes the card: a crash loop is one card. */
const LOOP_MS = 600_000

type Deps = Pick<WatchOptions, 'facts' | 'runs' | 'audit' | 'clock' | 'notify' | 'log'>

export interface Alive {
  /** Notes a sign of life, at most once a minute. */
  beat(): Promise<void>
  /** Notes that this end is an orderly one. */
  end(): Promise<void>
}

/** Tells when the last sign of life is too old, or the process before did not end as it should. Then the signs begin. */
export async function returnToLife(deps: Deps): Promise<Alive> {
  const { facts, clock, log } = deps
  const parsed = Alive.safeParse(facts.get('watch.alive'))
  const note = (ended: boolean) => facts.set('watch.alive', { at: clock.now().toISOString(), ended })
  let last = clock.monotonic()
  try {
    if (parsed.success) await tellReturn(deps, parsed.data)
    await note(false)
  } catch (error) {
    log.error({ err: error }, 'the return of the bot is not told')
  }
  return {
    async beat() {
      if (clock.monotonic() - last < BEAT_MS) return
      last = clock.monotonic()
      await note(false)
    },
    end: () => note(true),
  }
}

async function tellReturn(
  { facts, runs, audit, clock, notify }: Deps,
  { at, ended }: z.infer<typeof Alive>,
): Promise<void> {
  const until = clock.now()
  if (ended && until.getTime() - Date.parse(at) <= AWAY_MS) return
  const before = Back.safeParse(facts.get('watch.back'))
  const again =
    before.success && until.getTime() - Date.parse(before.data.at) <= LOOP_MS ? before.data : undefined
  const back = {
    card: again?.card ?? `watch-back-${until.getTime().toString(36)}`,
    at: until.toISOString(),
    since: again?.since ?? at,
    times: (again?.times ?? 0) + 1,
  }
  const resumed = (await runs.active()).filter(({ createdAt }) => Date.parse(createdAt) <= until.getTime())
  const head = (await audit?.list({ limit: 1 }))?.[0]?.hash
  const { since, times } = back
  const seen = { at, ended, until, resumed, since, times, ...(head === undefined ? {} : { head }) }
  notify(back.card, backCard(seen), 'done')
  await facts.set('watch.back', back)
}

interface Return {
  /** The last sign of life. */
  readonly at: string
  readonly ended: boolean
  readonly until: Date
  readonly resumed: readonly RunView[]
  readonly head?: string
  readonly times: number
  readonly since: string
}

function backCard({ at, ended, until, resumed, head, times, since }: Return): Card {
  const awayMs = until.getTime() - Date.parse(at)
  const end = ended ? 'It had been ended in order.' : 'The process before it did not end in order.'
  const away =
    awayMs < BEAT_MS
      ? `It was away for a moment at ${clockTime(until.toISOString(), until)} UTC.`
      : `It was away for about ${span(at, until.toISOString(), until)}.`
  const loop =
    times === 1 ? '' : ` It came back ${times} times within ${duration(until.getTime() - Date.parse(since))}.`
  const sections: Section[] = []
  if (resumed.length > 0)
    sections.push({
      kind: 'list',
      title: 'Taken up again',
      items: resumed.slice(0, 20).map(({ id, title }) => `${title} (run ${id})`),
    })
  if (head !== undefined)
    sections.push({ kind: 'code', title: 'Head of the audit log', text: head, keep: 'start' })
  return {
    title: 'homelab is back',
    tone: times > 1 ? 'error' : ended ? 'neutral' : 'warning',
    text: `${away} ${end}${loop}`,
    ...(sections.length === 0 ? {} : { sections }),
    buttons: [
      ...(resumed.length === 0
        ? []
        : [{ label: 'Runs', action: { kind: 'command' as const, text: 'run list active:true' } }]),
      { label: 'Status', action: { kind: 'command', text: 'status' } },
    ],
  }
}
