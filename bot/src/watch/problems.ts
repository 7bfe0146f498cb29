/** Problems of things that are looked at again and again: since when each is there, and what of it is told. */
import type { Button, Card, Clock, Json } from '@homelab/core'
import { About, Severity } from '@homelab/core/alerts'
import { z } from 'zod'
import type { FactStore } from '../chat/connector.ts'
import type { Tell } from '../incidents/tell.ts'
import type { WatchLog } from './types.ts'
import { span } from './words.ts'

/** What one look says of one thing. What it does not name is not looked at any more. */
export type Sight = { readonly key: string } & (
  | ({ readonly is: 'wrong' } & Wrong)
  /** `title` is said when it was wrong before. */
  | { readonly is: 'fine'; readonly title: string }
  /** Nothing can be said now. */
  | { readonly is: 'unclear' }
  /** It was not its turn. */
  | { readonly is: 'skipped' }
  /** Nobody can look at it, and that is told once. */
  | ({ readonly is: 'blind' } & Pick<Wrong, 'title' | 'text' | 'about'>)
)

export interface Wrong {
  readonly kind: string
  readonly severity: Severity
  readonly title: string
  readonly text: string
  readonly about: About
  readonly buttons?: readonly Button[]
  /** It is told again when this changes. Default: the severity. */
  readonly mark?: string
}

const Open = z.object({
  /** Of its card. */
  id: z.string(),
  kind: z.string(),
  severity: Severity,
  title: z.string(),
  about: About,
  /** ISO 8601. */
  since: z.string(),
  mark: z.string(),
  /** Its card does not show this yet. */
  untold: z.boolean(),
})
type Open = z.infer<typeof Open>

const State = z.object({
  /** By key. */
  open: z.record(z.string(), Open),
  /** Those that are over, until that is told. */
  over: z.array(Open.extend({ key: z.string(), endAt: z.string(), said: z.string() })),
  /** Keys of which it is told that nobody can look. */
  blind: z.array(z.string()),
})
type State = z.infer<typeof State>

export interface ProblemsOptions {
  readonly facts: FactStore
  /** Of the fact that is kept. */
  readonly name: string
  readonly tell: Tell
  readonly clock: Clock
  readonly log: WatchLog
  /** Looks in a row that must have found it wrong, or blind. */
  readonly looks: number
}

export interface Problems {
  /**
   * @param all every thing that there is to look at, each once
   * @param unclear whether nothing can be said now of one that is not among them
   */
  see(all: readonly Sight[], unclear?: (key: string) => boolean): Promise<void>
  /** How bad it was found to be, while it is told to be wrong. */
  severity(key: string): Severity | undefined
  /** Whether anything is told to be wrong. */
  any(): boolean
}

export function createProblems(options: ProblemsOptions): Problems {
  const { facts, name, tell, clock, log, looks } = options
  const fact = facts.get(name)
  const parsed = State.safeParse(fact)
  if (fact !== undefined && !parsed.success) log.warn({ name }, 'what the watch remembered is of no use')
  let state: State = parsed.data ?? { open: {}, over: [], blind: [] }
  let saved = JSON.stringify(fact)
  /** Looks in a row that found it so, by key and what was found. */
  let suspects = new Map<string, { readonly looks: number; readonly since: string }>()

  async function keep(next: State): Promise<void> {
    state = next
    const text = JSON.stringify(next)
    if (text === saved) return
    await facts.set(name, next as Json)
    saved = text
  }

  /** @returns since when, once that is sure */
  function sure(
    sight: Sight,
    at: string,
    seen: Map<string, { readonly looks: number; readonly since: string }>,
  ): string | undefined {
    const of = `${sight.is} ${sight.key}`
    const before = suspects.get(of)
    const now = { looks: (before?.looks ?? 0) + 1, since: before?.since ?? at }
    seen.set(of, now)
    return now.looks >= looks ? now.since : undefined
  }

  function judge(all: readonly Sight[], unclear: (key: string) => boolean, at: string): State {
    const open: Record<string, Open> = {}
    const over: State['over'] = [...state.over]
    const blind: string[] = []
    const seen = new Map<string, { readonly looks: number; readonly since: string }>()
    const end = (key: string, said: string) => {
      const before = state.open[key]
      if (before !== undefined) over.push({ ...before, key, endAt: at, said })
    }
    for (const sight of all) {
      const { key } = sight
      const before = state.open[key]
      if (state.blind.includes(key) && sight.is !== 'fine' && sight.is !== 'wrong') blind.push(key)
      if (sight.is === 'skipped')
        for (const doubt of [`wrong ${key}`, `blind ${key}`]) {
          const suspect = suspects.get(doubt)
          if (suspect !== undefined) seen.set(doubt, suspect)
        }
      if (sight.is === 'wrong') {
        const { kind, severity, title, about, mark = severity } = sight
        // A problem of another kind is another problem.
        if (before !== undefined && before.kind !== kind) end(key, `${before.title}: not any more`)
        const same = before?.kind === kind ? before : undefined
        const since = same?.since ?? sure(sight, at, seen)
        if (since === undefined) continue
        const id = same?.id ?? idOf(name, key, since)
        const untold = same === undefined || same.untold || same.mark !== mark
        open[key] = { id, kind, severity, title, about: same?.about ?? about, since, mark, untold }
      } else if (sight.is === 'fine') end(key, sight.title)
      else if (before !== undefined) open[key] = before
      else if (sight.is === 'blind' && sure(sight, at, seen) !== undefined && !blind.includes(key))
        blind.push(key)
    }
    const here = new Set(all.map(({ key }) => key))
    for (const [key, before] of Object.entries(state.open)) {
      if (here.has(key)) continue
      if (unclear(key)) open[key] = before
      else end(key, `Not looked at any more: ${before.title}`)
    }
    suspects = seen
    return { open, over, blind }
  }

  function tellOver({ key, endAt, said, ...is }: State['over'][number], now: Date): void {
    const card: Card = { title: said, tone: 'ok', text: `It took ${span(is.since, endAt, now)}.` }
    tell(is.id, card, 'done', { ...findingOf(key, is, card), state: 'resolved' })
  }

  function tellWrong(key: string, is: Open, { text, buttons = [] }: Wrong): void {
    const card: Card = {
      title: is.title,
      tone: is.severity === 'critical' ? 'error' : 'warning',
      text,
      ...(buttons.length === 0 ? {} : { buttons }),
    }
    tell(is.id, card, 'live', { ...findingOf(key, is, card), since: is.since })
  }

  function tellBlind({ key, title, text, about }: Sight & { readonly is: 'blind' }, at: string): void {
    const card: Card = { title, tone: 'neutral', text }
    const finding = { key, kind: 'unseen', severity: 'info', title, text, about } as const
    tell(idOf(name, key, at), card, 'done', { ...finding, state: 'firing', once: true })
  }

  return {
    async see(all, unclear = () => false) {
      const now = clock.now()
      const known = new Set(state.blind)
      // Written before it is told: a crash in between tells it with the same id again, which is the same card.
      await keep(judge(all, unclear, now.toISOString()))
      for (const each of state.over) tellOver(each, now)
      for (const sight of all) {
        const is = state.open[sight.key]
        if (sight.is === 'wrong' && is?.untold === true) tellWrong(sight.key, is, sight)
        if (sight.is === 'blind' && state.blind.includes(sight.key) && !known.has(sight.key))
          tellBlind(sight, now.toISOString())
      }
      const open = Object.fromEntries(
        Object.entries(state.open).map(([key, is]) => [key, { ...is, untold: false }]),
      )
      await keep({ ...state, open, over: [] })
    },
    severity: (key) => state.open[key]?.severity,
    any: () => Object.keys(state.open).length > 0,
  }
}

const findingOf = (key: string, { kind, severity, about }: Open, { title, text }: Card) => ({
  key,
  state: 'firing' as const,
  kind,
  severity,
  title,
  ...(text === undefined ? {} : { text }),
  about,
})

const idOf = (name: string, key: string, at: string): string =>
  `${name.replace('.', '-')}-${key.replaceAll(/[^a-zA-Z0-9]+/g, '-')}-${Date.parse(at).toString(36)}`
