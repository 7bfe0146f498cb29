/** One command to the bot, from its text to what a workflow gets: the output, a run that goes on, or an error. */
import { commandText, HomelabError, type Json, type Operation, type Plan, parseCommand } from '@homelab/core'
import type { IDataObject } from 'n8n-workflow'
import { type Bot, codeOf, type Posted } from './client.ts'

export interface CommandOptions {
  readonly confirmed: boolean
  /** Milliseconds to wait for the end of a run; 0: until it has begun. */
  readonly limitMs: number
  readonly monotonic: () => number
  readonly signal: AbortSignal
}

export type Outcome =
  | { readonly state: 'done'; readonly output: Json; readonly card: string; readonly run?: string }
  /** It goes on there, or waits for somebody's approval. */
  | { readonly state: 'left'; readonly item: IDataObject }

/** Seconds that one call may wait: below what proxies give it. */
const WAIT = 25

/**
 * The words that mean exactly this input: the bot reads what a person could have typed.
 * @throws HomelabError `usage` for a value that no command can hold
 */
export function textOf(operation: Operation, input: Record<string, unknown>): string {
  const text = commandText(operation, input)
  const parsed = parseCommand(text, [operation])
  const same =
    parsed.kind === 'command' && !parsed.dryRun && JSON.stringify(parsed.input) === JSON.stringify(input)
  if (same) return text
  throw new HomelabError('usage', `A value of "${operation.title}" cannot be sent to the bot`, {
    hint: 'Leave out commas in names, and names that look like an option, such as --wait or wait:false.',
  })
}

/** What a run of it would do now. */
export async function planOnBot(
  bot: Bot,
  operation: Operation,
  input: Record<string, unknown>,
  options: Pick<CommandOptions, 'monotonic' | 'signal'>,
): Promise<Plan> {
  const posted = await rest(bot, await bot.submit(`${textOf(operation, input)} --dry-run`, false), 'done', {
    ...options,
    limitMs: 120_000,
  })
  const { output } = posted
  if (posted.state === 'done' && posted.error === undefined && output !== undefined)
    return output as unknown as Plan
  throw await failure(bot, posted)
}

export async function runOnBot(
  bot: Bot,
  operation: Operation,
  input: Record<string, unknown>,
  options: CommandOptions,
): Promise<Outcome> {
  const read = operation.risk === 'read'
  const sent = await bot.submit(textOf(operation, input), options.confirmed, !read)
  // What it meets before a run is its answer to the call, however little time there is.
  const begun = await rest(bot, sent, read ? 'done' : 'started', {
    ...options,
    limitMs: 120_000,
    mayLeave: !read,
  })
  if (begun.state === 'asking') throw await unconfirmed(bot, begun, options.confirmed)
  if (begun.state === 'working' && begun.run === undefined) return { state: 'left', item: commandItem(begun) }
  const last = read ? begun : await rest(bot, begun, 'done', { ...options, mayLeave: true })
  if (last.state !== 'done') return { state: 'left', item: commandItem(last) }
  const { output } = last
  // A check that found something wrong has an output all the same: it is for the workflow to judge.
  if (output !== undefined && (last.error === undefined || read))
    return { state: 'done', output, card: last.id, ...(last.run === undefined ? {} : { run: last.run }) }
  throw await failure(bot, last)
}

interface RestOptions extends Omit<CommandOptions, 'confirmed'> {
  /** It goes on in the bot: what is known of it counts when the bot is gone. */
  readonly mayLeave?: boolean
}

/** Asks until the card rests or the time is over. */
async function rest(
  bot: Bot,
  first: Posted,
  until: 'started' | 'done',
  { limitMs, monotonic, signal, mayLeave = false }: RestOptions,
): Promise<Posted> {
  const end = monotonic() + limitMs
  let posted = first
  for (;;) {
    signal.throwIfAborted()
    if (posted.state !== 'working' || (until === 'started' && posted.run !== undefined)) return posted
    const seconds = Math.min(WAIT, Math.floor((end - monotonic()) / 1000))
    if (seconds <= 0 || approvalOf(posted) !== undefined) return posted
    try {
      posted = await bot.card(posted.id, seconds, until)
    } catch (error) {
      signal.throwIfAborted()
      if (mayLeave && error instanceof HomelabError && gone.has(error.code)) return posted
      throw error
    }
  }
}

/** Nobody answers, or says that it is asked too often: that says nothing of a command that was taken. */
const gone: ReadonlySet<string> = new Set<HomelabError['code']>(['unreachable', 'timeout', 'locked'])

/** The id of the approval that it waits for. */
const approvalOf = ({ card }: Posted): string | undefined =>
  card.buttons?.find(({ action }) => action.kind === 'approve' || action.kind === 'reject')?.action.id

/** What a workflow gets of a command whose end it did not wait for, or asks for later. */
export function commandItem(posted: Posted): IDataObject {
  const { id, run, state, error, card } = posted
  const approval = state === 'working' ? approvalOf(posted) : undefined
  return {
    completed: state === 'done',
    state: approval === undefined ? state : 'waitingForApproval',
    command: id,
    ...(run === undefined ? {} : { run }),
    ...(approval === undefined ? {} : { approval }),
    title: card.title,
    ...(card.text === undefined ? {} : { text: card.text }),
    ...(error === undefined ? {} : { error }),
    ...(posted.output === undefined ? {} : { output: posted.output as IDataObject }),
  }
}

/** Ends the run of a command. What has ended meanwhile is as it is. @throws HomelabError `conflict` for what has no run yet */
export async function cancelOnBot(bot: Bot, id: string): Promise<Posted> {
  const posted = await bot.card(id, 0, 'done')
  if (posted.state === 'done') return posted
  if (posted.run === undefined) {
    throw new HomelabError('conflict', `It has no run that could be cancelled: ${posted.card.title}`, {
      hint: 'What waits for an approval is withdrawn by whoever was asked, in the chat or the console.',
    })
  }
  await bot.submit(`run cancel ${posted.run}`, true, true)
  return await bot.card(id, WAIT, 'done')
}

/** Nobody is there to answer: the question is closed, and the workflow told what it was. */
async function unconfirmed(bot: Bot, posted: Posted, confirmed: boolean): Promise<HomelabError> {
  const decline = posted.card.buttons?.find(({ action }) => action.kind === 'decline')
  if (decline !== undefined) await bot.press(posted.id, decline.action)
  const plan = listOf(posted)
  if (confirmed) {
    return new HomelabError('denied', `Only a person can confirm this: ${posted.card.title}`, {
      hint: 'It would take down what the bot itself needs. Do it in the chat, the console or a terminal.',
      data: { plan },
    })
  }
  return new HomelabError('usage', `It asks for a confirmation: ${posted.card.title}`, {
    hint: 'Switch on "Confirm" in this node, or "Dry Run" to see what would be done.',
    data: { plan },
  })
}

const listOf = ({ card }: Posted): readonly string[] =>
  (card.sections ?? []).flatMap(({ kind, items }) =>
    kind === 'list' && Array.isArray(items) ? items.map(String) : [],
  )

/** The error of the run itself when there is one: the card has it in words for people. */
async function failure(bot: Bot, posted: Posted): Promise<HomelabError> {
  if (posted.state !== 'done') {
    return new HomelabError('timeout', `The bot has no answer yet: ${posted.card.title}`, {
      data: { command: posted.id },
    })
  }
  const { card, run } = posted
  const own = run === undefined ? undefined : await runError(bot, run)
  if (own !== undefined) return own
  const text = (title: string) =>
    card.sections?.find((section) => section.title === title && section.text !== undefined)?.text
  const hint = text('Next step')
  const log = text('Last lines of the log')
  return new HomelabError(codeOf(posted.error ?? 'failed'), card.text ?? card.title, {
    ...(hint === undefined ? {} : { hint }),
    data: {
      command: posted.id,
      ...(run === undefined ? {} : { run }),
      ...(log === undefined ? {} : { log: log.split('\n') }),
    },
  })
}

async function runError(bot: Bot, run: string): Promise<HomelabError | undefined> {
  const shown = await bot.submit(`run show ${run} lines:30`, false)
  const posted = shown.state === 'done' ? shown : await bot.card(shown.id, 10, 'done')
  const output = posted.output as
    | {
        readonly run?: {
          readonly error?: { code: string; message: string; hint?: string; data?: IDataObject }
        }
        readonly log?: readonly { readonly text: string }[]
      }
    | undefined
  const error = output?.run?.error
  if (error === undefined) return undefined
  const log = (output?.log ?? []).map(({ text }) => text)
  return new HomelabError(codeOf(error.code), error.message, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    data: { ...(log.length === 0 ? {} : { log }), ...error.data, run },
  })
}
