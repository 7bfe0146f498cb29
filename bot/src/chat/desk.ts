/**
 * Command → parse → permit → plan → confirm → run → follow → result → audit. Every surface goes through here,
 * so that none of them can leave a step out.
 */
import {
  atLeast,
  type Caller,
  type Clock,
  commandText,
  complete,
  errorCard,
  errorData,
  HomelabError,
  helpCard,
  type Json,
  type Operation,
  operationHelpCard,
  type Parsed,
  type Plan,
  parseCommand,
  permit,
  planCard,
  type Registry,
  type RunView,
  runInline,
  runnable,
  type Services,
  type Suggestion,
  type SuggestKind,
} from '@homelab/core'

import { type Audit, type Decision, entryOf } from './audit.ts'
import type { WritableBoard } from './board.ts'
import { acknowledged, asking, declined, ended, running } from './cards.ts'
import { createConfirmations, planHash } from './confirm.ts'
import type { History } from './history.ts'
import type { Command, Desk, Posted, Runner } from './types.ts'

export interface DeskOptions {
  readonly registry: Registry
  readonly board: WritableBoard
  readonly runner: Runner
  /** The run that a card's command started, if it did: asked after a restart. */
  readonly runOf: (cardId: string) => Promise<RunView | undefined>
  /** What operations may use when this caller asks. */
  readonly services: (caller: Caller) => Partial<Services>
  readonly audit: Audit
  readonly history: History
  readonly clock: Clock
  /** Operation ids or chat paths that the file wants confirmed. */
  readonly mustConfirm: () => readonly string[]
  readonly suggest: (kind: SuggestKind, typed: string, limit: number) => readonly Suggestion[]
  /** Called with what is a bug of ours. */
  readonly onBug: (error: unknown, command: string) => void
  /** Seconds that a question waits for its answer. Default 120. */
  readonly confirmSeconds?: number
}

/** The longest that a read may take before the person is told that it did not work. */
const READ_MS = 60_000

export function createDesk(options: DeskOptions): Desk {
  const { registry, board, runner, audit, history, clock } = options
  const confirmSeconds = options.confirmSeconds ?? 120
  const confirmations = createConfirmations(clock, confirmSeconds * 1000)

  const offered = (caller: Caller): readonly Operation[] => {
    const services = options.services(caller)
    return registry.all.filter((operation) => runnable(operation, caller.surface, services))
  }
  const allowed = (caller: Caller) =>
    offered(caller).filter((operation) => atLeast(caller.role, operation.permission))

  const put = (command: Command, change: Partial<Posted> & Pick<Posted, 'card' | 'state'>): Posted => {
    const before = board.get(command.key)
    return board.put({
      id: command.key,
      place: command.place,
      caller: { id: command.caller.id, name: command.caller.name },
      command: command.text,
      at: clock.now().toISOString(),
      ...before,
      ...change,
    })
  }
  const fail = (command: Command, error: unknown): Posted => {
    const data = errorData(error)
    if (data.code === 'bug') options.onBug(error, command.text)
    return put(command, { card: errorCard(data), state: 'done', error: data.code })
  }
  const note = (
    command: Command,
    operation: Operation,
    decision: Decision,
    rest: Parameters<typeof entryOf>[3] = {},
  ) => {
    void audit
      .append(entryOf(command, operation, decision, rest))
      .catch((error: unknown) => options.onBug(error, command.text))
  }

  async function handle(command: Command): Promise<void> {
    const text = stripped(command.text)
    const here = offered(command.caller)
    refuseElsewhere(text, here, registry)
    const parsed = parseCommand(text, here)
    if (parsed.kind === 'help')
      return void put(command, { card: helpFor(parsed, allowed(command.caller)), state: 'done' })
    const { operation, input, dryRun } = parsed
    try {
      permit(operation, command.caller)
    } catch (error) {
      note(command, operation, 'denied')
      throw error
    }
    if (operation.risk === 'read') return await read(command, operation, input)
    const plan = await planOf(command, operation, input)
    if (dryRun) {
      note(command, operation, 'dry-run', { plan: plan.summary })
      return void put(command, {
        card: planCard(operation, plan, 'dry-run'),
        state: 'done',
        output: plan as unknown as Json,
      })
    }
    const marked = options.mustConfirm()
    const must =
      operation.risk === 'destructive' ||
      plan.confirm === true ||
      marked.includes(operation.id) ||
      marked.includes(operation.chat)
    if (must && command.confirmed !== true) return ask(command, operation, input, plan)
    await start(command, operation, input, plan)
  }

  async function read(command: Command, operation: Operation, input: Record<string, unknown>): Promise<void> {
    const timeout = AbortSignal.timeout(READ_MS)
    const output = await runInline(operation, input, options.services(command.caller), {
      clock,
      signal: timeout,
    }).catch((error: unknown) => {
      throw timeout.aborted
        ? new HomelabError('timeout', `No answer within ${READ_MS / 1000} s.`, {
            hint: 'Try again; `node list` shows which nodes answer.',
            cause: error,
          })
        : error
    })
    const card = operation.card(output, input)
    put(command, { card, state: 'done', output })
  }

  async function planOf(
    command: Command,
    operation: Operation,
    input: Record<string, unknown>,
  ): Promise<Plan> {
    if (operation.plan === undefined) throw new HomelabError('bug', `${operation.id} has no plan`)
    try {
      return await operation.plan(input, options.services(command.caller), {
        signal: AbortSignal.timeout(READ_MS),
      })
    } catch (error) {
      note(command, operation, 'refused', { result: errorData(error).message })
      throw error
    }
  }

  function ask(command: Command, operation: Operation, input: Record<string, unknown>, plan: Plan): void {
    note(command, operation, 'asked', { plan: plan.summary })
    const id = confirmations.open({ command, operation, input, plan }, () => {
      note(command, operation, 'expired', { plan: plan.summary })
      put(command, {
        card: declined(plan, `Nobody confirmed within ${confirmSeconds} s.`),
        state: 'done',
        error: 'cancelled',
      })
    })
    put(command, { card: asking(operation, plan, id, confirmSeconds), state: 'asking' })
  }

  async function start(
    command: Command,
    operation: Operation,
    input: Record<string, unknown>,
    plan: Plan,
  ): Promise<void> {
    const { run } = await runner.start({
      operation: operation.id,
      title: plan.summary,
      input: input as Json,
      caller: command.caller,
      key: command.key,
      locks: plan.locks,
      origin: { card: command.key },
    })
    note(command, operation, 'started', { plan: plan.summary, run: run.id })
    follow(command, operation, run)
  }

  function follow(command: Command, operation: Operation, run: RunView): void {
    const stop = runner.watch(run.id, (now) => {
      if (now.finishedAt === undefined)
        return void put(command, { card: running(now), state: 'working', run: now.id })
      stop()
      const card = ended(now, operation)
      const failed =
        now.state === 'succeeded'
          ? card.tone === 'error'
            ? 'failed'
            : undefined
          : (now.error?.code ?? now.state)
      const decision = now.state === 'succeeded' || now.state === 'cancelled' ? now.state : 'failed'
      note(command, operation, decision, { run: now.id, result: card.title })
      put(command, {
        card,
        state: 'done',
        run: now.id,
        ...(now.result === undefined ? {} : { output: now.result }),
        ...(failed === undefined ? {} : { error: failed }),
      })
    })
  }

  async function confirm(id: string, caller: Caller): Promise<void> {
    const { command, operation, input, plan } = confirmations.take(id, caller)
    put(command, {
      card: { ...acknowledged(plan.summary), text: 'Looking whether things are still so…' },
      state: 'working',
    })
    try {
      // The approval was for what the card said: look at the lab anew and refuse if that is not so any more.
      await options.services(command.caller).lab?.overview({ fresh: true })
      const now = await planOf(command, operation, input)
      if (planHash(now) !== planHash(plan)) {
        note(command, operation, 'refused', { plan: plan.summary, result: 'the state changed' })
        const card = errorCard({
          code: 'conflict',
          message: 'Things changed after you were asked, so nothing was done.',
          hint: 'Ask again to see the plan as it is now.',
        })
        const again = {
          label: 'Ask again',
          action: { kind: 'command' as const, text: commandText(operation, input) },
        }
        return void put(command, { card: { ...card, buttons: [again] }, state: 'done', error: 'conflict' })
      }
      await start(command, operation, input, now)
    } catch (error) {
      fail(command, error)
    }
  }

  const submit = (command: Command): Posted => {
    const known = board.get(command.key)
    if (known !== undefined) return known
    const shown = command.text.trim().slice(0, 200)
    const posted = put(command, { card: acknowledged(shown === '' ? 'help' : shown), state: 'working' })
    void history
      .add(command.caller.id, stripped(command.text))
      .catch((error: unknown) => options.onBug(error, shown))
    // After the acknowledgement: parsing 4,000 characters or planning for 10,000 guests must not hold it up.
    setImmediate(() => void handle(command).catch((error: unknown) => fail(command, error)))
    return posted
  }

  return {
    board,
    submit,
    press(cardId, action, caller, key) {
      const posted = board.get(cardId)
      if (posted === undefined)
        throw new HomelabError('not-found', 'That card is too old to act on.', {
          hint: 'Type the command again.',
        })
      if (action.kind === 'command') return submit({ text: action.text, caller, place: posted.place, key })
      if (action.kind === 'confirm') {
        confirmations.check(action.id, caller)
        void confirm(action.id, caller)
      } else {
        const { command, operation, plan } = confirmations.take(action.id, caller)
        note(command, operation, 'declined', { plan: plan.summary })
        put(command, { card: declined(plan, `${caller.name} said no.`), state: 'done', error: 'cancelled' })
      }
      return board.get(cardId) ?? posted
    },
    complete(line, caller) {
      const prefix = /^\s*\/?homelab\s+/i.exec(line)?.[0] ?? ''
      const operations = allowed(caller)
      const suggest = (kind: SuggestKind, typed: string, limit: number) =>
        kind === 'commands'
          ? operations
              .filter((o) => o.chat.startsWith(typed.toLowerCase()))
              .slice(0, limit)
              .map((o) => ({ value: o.chat, label: o.title }))
          : options.suggest(kind, typed, limit)
      return complete(line.slice(prefix.length), { operations, suggest }).map((c) => ({
        ...c,
        line: prefix + c.line,
      }))
    },
    history: (caller, limit) => history.list(caller.id, limit),
    settled: (cardId, wait = {}) => settled(board, cardId, wait),
    async resume() {
      for (const posted of board.recent({}, Number.MAX_SAFE_INTEGER)) {
        if (posted.state === 'done') continue
        const run = await options.runOf(posted.id)
        const operation = run === undefined ? undefined : registry.byId(run.operation)
        const command: Command = {
          text: posted.command,
          caller: stored(posted),
          place: posted.place,
          key: posted.id,
        }
        if (run !== undefined && operation !== undefined) follow(command, operation, run)
        else put(command, { card: interrupted(posted), state: 'done', error: 'cancelled' })
      }
    },
  }
}

/** A command that exists but not here is no typo: say where it works. */
function refuseElsewhere(text: string, here: readonly Operation[], registry: Registry): void {
  const line = `${text.toLowerCase().replace(/\s+/g, ' ')} `
  const named = (operation: Operation) => line.startsWith(`${operation.chat} `)
  const found = registry.all.find(named)
  if (found === undefined || here.some(named)) return
  const needsBot = (found.needs as readonly string[]).includes('runs')
  throw new HomelabError('usage', `"${found.chat}" does not work here.`, {
    hint: needsBot
      ? 'It needs a running bot: `npm start`, then the same again.'
      : `It works on ${(found.surfaces ?? []).join(', ')}.`,
  })
}

/** The caller of a card from before a restart: only its identity counts, the run has its rights already. */
const stored = (posted: Posted): Caller => ({ ...posted.caller, role: 'viewer', surface: 'chat' })

const interrupted = (posted: Posted) => ({
  title: posted.command.slice(0, 200),
  tone: 'warning' as const,
  text: 'The bot was restarted before this was started, so nothing was done.',
  buttons: [{ label: 'Type it again', action: { kind: 'command' as const, text: stripped(posted.command) } }],
})

/** People paste `/homelab restart plex`; the command is what follows. */
const stripped = (text: string): string => text.trim().replace(/^\/?homelab(\s+|$)/i, '')

function helpFor(parsed: Extract<Parsed, { kind: 'help' }>, operations: readonly Operation[]) {
  return parsed.operation === undefined
    ? helpCard(operations, parsed.group)
    : operationHelpCard(parsed.operation)
}

function settled(
  board: WritableBoard,
  cardId: string,
  { asking: untilAsked = false, signal }: { readonly asking?: boolean; readonly signal?: AbortSignal },
): Promise<Posted> {
  const over = (posted: Posted) => posted.state === 'done' || (untilAsked && posted.state === 'asking')
  return new Promise((resolve, reject) => {
    const now = board.get(cardId)
    if (now === undefined) return reject(new HomelabError('not-found', `no card ${cardId}`))
    if (over(now)) return resolve(now)
    const stop = board.subscribe(now.place.surface, (posted) => {
      if (posted.id !== cardId || !over(posted)) return
      stop()
      resolve(posted)
    })
    signal?.addEventListener('abort', () => {
      stop()
      reject(signal.reason)
    })
  })
}
