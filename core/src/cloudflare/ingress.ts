/**
 * Changes the rules of a tunnel, whose whole document each write replaces, and which others write too. Cloudflare has no
 * condition for a write: what somebody else writes between our reading and our writing is overwritten. It cannot be
 * prevented; it is kept short, seen, and said.
 */
import { HomelabError, isHomelabError } from '../errors.ts'
import type { Clock } from '../ports.ts'
import { catchAll, equal, ruleKey, ruleName, says, withCatchAll } from './rules.ts'
import type { Cloudflare, IngressRule, RawObject, TunnelConfiguration } from './types.ts'

export interface IngressEdit {
  readonly cloudflare: Pick<Cloudflare, 'configuration' | 'putConfiguration'>
  /** Its id. Only one edit at a time of one tunnel: the lock is the caller's, `tunnel/<id>`. */
  readonly tunnel: string
  readonly clock: Clock
  /** The rules as they should be. Pure: called again when the rules have changed meanwhile. What it does not touch stays. */
  readonly edit: (rules: readonly IngressRule[]) => readonly IngressRule[]
  /** Until the write. */
  readonly signal?: AbortSignal
  readonly log?: (message: string, facts: Readonly<Record<string, unknown>>) => void
  /** Given before an `unclear` error: what a later look says of other writers' loss. */
  readonly unseen?: (judge: Judge) => void
}
export type Judge = (after: TunnelConfiguration) => IngressAlarm | undefined

/** Somebody else wrote at the same time, and something may be lost. */
export interface IngressAlarm {
  /** For people, with what to look at. */
  readonly message: string
  /** Of the configuration that ours was made from, the next one, and the one that ours became or that there is now. */
  readonly read: number
  readonly expected: number
  readonly found: number
  /** How many writes of others ours replaced. Nobody can tell what was in them. */
  readonly overwritten: number
  /** Rules that were there when we looked, that we did not touch, and that are gone. */
  readonly lost: readonly IngressRule[]
}

export interface IngressEdited {
  /** False: the rules were as they should be, and nothing was written. */
  readonly changed: boolean
  /** Of the last look. */
  readonly version: number
  /** What the change was made from. */
  readonly before: readonly IngressRule[]
  /** As they are now. */
  readonly rules: readonly IngressRule[]
  /** Ours: new, or other than before. */
  readonly added: readonly IngressRule[]
  readonly removed: readonly IngressRule[]
  readonly alarm?: IngressAlarm
}

/** How often the rules may change under our hands before we give up. */
const ROUNDS = 6
/** Milliseconds to wait before looking again after a write whose answer was lost: it may still be on its way. */
const LOOKS_MS = [0, 1000, 3000]

const keysOf = (rules: readonly IngressRule[]): ReadonlySet<string> => new Set(rules.map(ruleKey))
const absent = (rules: readonly IngressRule[], from: readonly IngressRule[]): readonly IngressRule[] => {
  const keys = keysOf(from)
  return rules.filter((rule) => !keys.has(ruleKey(rule)))
}
const has = (rules: readonly IngressRule[], wanted: IngressRule): boolean =>
  rules.some((rule) => ruleKey(rule) === ruleKey(wanted) && says(rule, wanted))

interface Draft {
  readonly base: TunnelConfiguration
  readonly raw: RawObject
  readonly added: readonly IngressRule[]
  readonly removed: readonly IngressRule[]
  /** Went between two looks of ours, by somebody else's hand: they are not put back, and named. */
  readonly vanished: readonly IngressRule[]
}

function draftOf(base: TunnelConfiguration, edit: IngressEdit['edit']): Draft {
  const edited = edit(base.rules)
  // A tunnel without rules needs the last one too, and no rules at all are what was there before.
  const rules = edited.length === 0 && base.rules.length === 0 ? edited : withCatchAll(edited)
  return {
    base,
    raw: { ...base.raw, ingress: rules },
    added: rules.filter(
      (rule) => !base.rules.some((old) => ruleKey(old) === ruleKey(rule) && equal(old, rule)),
    ),
    removed: absent(base.rules, rules),
    vanished: [],
  }
}

const sameRules = (draft: Draft): boolean => equal(draft.raw.ingress, draft.base.rules)

/** Reads until two looks in a row show the same, or until nothing is to be changed. */
async function draw(options: IngressEdit): Promise<Draft> {
  const { cloudflare, tunnel, clock, edit, signal, log } = options
  const first = await cloudflare.configuration(tunnel, signal)
  // A write would move the rules to Cloudflare, and the file beside cloudflared would count no more.
  if (first.source === 'local')
    throw new HomelabError('conflict', 'The rules of this tunnel are in a file beside cloudflared.', {
      hint: 'They are edited there: `network.tunnel.config` of homelab.yaml says where it is.',
      data: { tunnel },
    })
  let draft = draftOf(first, edit)
  for (let round = 1; round <= ROUNDS; round += 1) {
    if (sameRules(draft)) return draft
    const again = await cloudflare.configuration(tunnel, signal)
    if (again.version === draft.base.version && equal(again.raw, draft.base.raw)) return draft
    log?.('tunnel rules changed meanwhile', { tunnel, read: draft.base.version, found: again.version })
    const gone = absent(absent(draft.base.rules, again.rules), draft.removed)
    draft = { ...draftOf(again, edit), vanished: [...draft.vanished, ...gone] }
    await clock.sleep(50 * round, signal)
  }
  if (sameRules(draft)) return draft
  throw new HomelabError(
    'conflict',
    `The rules of the tunnel changed ${ROUNDS} times while they were edited.`,
    {
      hint: 'Something else keeps writing them: a controller, Terraform, or a second homelab. Stop one of them. Nothing was changed.',
      data: { tunnel, version: draft.base.version },
    },
  )
}

/** @returns the version that the write became; undefined when its answer was lost */
async function put({ cloudflare, tunnel, signal }: IngressEdit, { raw }: Draft): Promise<number | undefined> {
  try {
    return (await cloudflare.putConfiguration(tunnel, raw, signal)).version
  } catch (error) {
    if (isHomelabError(error) && error.code === 'unclear') return undefined
    throw error
  }
}

/** The keys of both lists, in the order of the first. */
const inOrder = (rules: readonly IngressRule[], others: readonly IngressRule[]): string => {
  const keys = keysOf(others)
  return rules
    .map(ruleKey)
    .filter((key) => keys.has(key))
    .join('\n')
}

function isDone({ added, removed, raw }: Draft, { rules }: TunnelConfiguration): boolean {
  const wanted = raw.ingress as readonly IngressRule[]
  // Moving a rule adds and removes none.
  if (added.length === 0 && removed.length === 0) return inOrder(wanted, rules) === inOrder(rules, wanted)
  return added.every((rule) => has(rules, rule)) && absent(removed, rules).length === removed.length
}

/** The configuration after the write, looked at again when the write's answer was lost and it does not show yet. */
async function lookAfter(options: IngressEdit, draft: Draft, written: number | undefined) {
  const { cloudflare, tunnel, clock, log } = options
  let after: TunnelConfiguration | undefined
  for (const ms of LOOKS_MS) {
    if (ms > 0) await clock.sleep(ms)
    try {
      // No signal: who cancels now still has to know what was done.
      after = await cloudflare.configuration(tunnel)
    } catch (cause) {
      if (ms !== LOOKS_MS.at(-1)) continue
      // Its number alone says already whether somebody's write was overwritten.
      const alarm = written === undefined ? undefined : alarmOf(draft, written, asSent(draft, written), true)
      if (alarm !== undefined) log?.('tunnel rules: another writer', { tunnel, ...alarm })
      throw new HomelabError(
        'unclear',
        `The rules of the tunnel were written, and cannot be looked at.${alarm === undefined ? '' : ` ${alarm.message}`}`,
        {
          hint: 'Nothing was repeated. `tunnel routes` shows them as soon as Cloudflare answers.',
          data: { tunnel, read: draft.base.version, written: written ?? null, alarm: alarm ?? null },
          cause,
        },
      )
    }
    if (written !== undefined || isDone(draft, after)) break
  }
  if (after === undefined) throw new HomelabError('bug', 'nothing was looked at')
  return after
}

const asSent = ({ raw, base }: Draft, version: number): TunnelConfiguration => ({
  ...base,
  version,
  raw,
  rules: raw.ingress as readonly IngressRule[],
})

function alarmOf(
  draft: Draft,
  written: number | undefined,
  after: TunnelConfiguration,
  changed: boolean,
): IngressAlarm | undefined {
  const { base, raw, removed } = draft
  const vanished = absent(draft.vanished, after.rules)
  const found = written ?? after.version
  // A tunnel that had none is at 0 or below; the first one is 1.
  const expected = changed ? Math.max(0, base.version) + 1 : base.version
  const overwritten = Math.max(0, found - expected)
  const kept = absent(base.rules, removed)
  const gone = absent(kept, after.rules)
  // Nobody wrote after us: then everything has to be there as it was sent.
  const alone = written !== undefined && after.version === written
  const keys = alone
    ? Object.keys(raw).filter((key) => key !== 'ingress' && !says(after.raw[key], raw[key]))
    : []
  const lost = [...vanished, ...gone]
  const last = after.rules.length > 0 && catchAll(after.rules) === undefined
  if (overwritten === 0 && lost.length === 0 && keys.length === 0 && !last) return undefined
  const names = (rules: readonly IngressRule[]): string => rules.map(ruleName).join(', ')
  const sentences = [
    overwritten === 0
      ? ''
      : `${overwritten === 1 ? 'A change' : `${overwritten} changes`} of somebody else ${written === undefined ? 'may have been' : overwritten === 1 ? 'was' : 'were'} overwritten: the rules were read as version ${base.version} and written as ${found}.`,
    vanished.length === 0 ? '' : `Somebody else took out ${names(vanished)} while the rules were edited.`,
    gone.length === 0 ? '' : `Somebody else's write lost ${names(gone)}.`,
    keys.length === 0 ? '' : `Cloudflare did not keep ${keys.join(', ')}.`,
    last ? 'The last rule is not one for everything else.' : '',
    'Compare `tunnel routes` with what the other writer should have there.',
  ]
  const message = sentences.filter((sentence) => sentence !== '').join(' ')
  return { message, read: base.version, expected, found, overwritten, lost }
}

/**
 * GET, edit, GET again and compare, PUT once, GET and verify. The write is never repeated; when its answer was lost, what is
 * there decides.
 * @throws HomelabError `conflict` when others keep writing, or when ours was overwritten at once (data `alarm`); `unclear`
 * when the write's answer was lost and it does not show; what the API refuses
 */
export async function editIngress(options: IngressEdit): Promise<IngressEdited> {
  const { tunnel, log } = options
  const draft = await draw(options)
  const { base, added, removed } = draft
  const changed = !sameRules(draft)
  const written = changed ? await put(options, draft) : base.version
  const judge: Judge = (later) => alarmOf(draft, written, later, true)
  const after = changed
    ? await lookAfter(options, draft, written).catch((error: unknown) => {
        options.unseen?.(judge)
        throw error
      })
    : base
  const alarm = alarmOf(draft, written, after, changed)
  const { version, rules } = after
  if (alarm !== undefined) log?.('tunnel rules: another writer', { tunnel, ...alarm })
  if (!changed || isDone(draft, after))
    return { changed, version, before: base.rules, rules, added, removed, ...(alarm && { alarm }) }
  const names = [...added.filter((rule) => !has(rules, rule)), ...removed].map(ruleName).join(', ')
  if (written === undefined) {
    options.unseen?.(judge)
    throw new HomelabError(
      'unclear',
      `The answer of Cloudflare was lost, and the change does not show: ${names}.`,
      {
        hint: 'Nothing was repeated. Look at `tunnel routes`, then try again.',
        data: { tunnel, read: base.version, found: version, alarm: alarm ?? null },
      },
    )
  }
  throw new HomelabError(
    'conflict',
    `Somebody else wrote the rules of the tunnel at the same time, and ours did not stay: ${names}.${alarm === undefined ? '' : ` ${alarm.message}`}`,
    {
      hint: 'Something else writes them too: a controller, Terraform, or a second homelab. Stop it, look at `tunnel routes`, then try again.',
      data: { tunnel, read: base.version, written: written ?? null, found: version, alarm: alarm ?? null },
    },
  )
}
