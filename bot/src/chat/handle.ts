/** One command on its way: parse → permit → plan → confirm → run → follow → result → audit. */
import {
  atLeast,
  type Caller,
  type Clock,
  errorCard,
  errorData,
  HomelabError,
  type Json,
  type Operation,
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
import { acknowledged, asking, declined, ended, failureOutput, running } from './cards.ts'
import { createConfirmations, planHash, type Question } from './confirm.ts'
import type { History } from './history.ts'
import { helpFor, refuseElsewhere, stripped } from './text.ts'
import type { Command, Posted, Runner } from './types.ts'

/** What the desk works with; everything is made in the composition root. */
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

/** What a run has to show, also when it failed in part. */
const outputOf = (run: RunView): { readonly output?: Json } => {
  const output = run.result ?? failureOutput(run)
  return output === undefined ? {} : { output }
}

/** Milliseconds that a change may take from its acceptance, waiting for others included. */
const DEADLINE_MS = 3_600_000

const CHANGED = 'Things changed after you were asked, so nothing was done. This is how they are now.'

export interface Handler {
  /** The operations that this caller may use on its surface. */
  allowed(caller: Caller): readonly Operation[]
  /** Shows a card of this command. */
  put(command: Command, change: Partial<Posted> & Pick<Posted, 'card' | 'state'>): Posted
  /** Starts with a command that was acknowledged. Errors become its card. */
  begin(command: Command): void
  /** Shows how a run goes, to its end. */
  follow(command: Command, operation: Operation, run: RunView): void
  /** @throws HomelabError `conflict` when it was answered or expired, `denied` when it was not asked of this caller */
  answer(id: string, yes: boolean, caller: Caller): void
}

export function createHandler(options: DeskOptions): Handler {
  const { registry, board, runner, audit, clock } = options
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
      caller: command.caller,
      ...(command.confirmed === undefined ? {} : { confirmed: command.confirmed }),
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
    if (operation.immediate === true) return await act(command, operation, input, plan)
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

  /** A change of our own queue, which must get through while every lock is taken: audited like any other, but no run. */
  async function act(
    command: Command,
    operation: Operation,
    input: Record<string, unknown>,
    plan: Plan,
  ): Promise<void> {
    await audit.append(entryOf(command, operation, 'started', { plan: plan.summary }))
    await read(command, operation, input)
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
    // First: a change that is not in the audit log must not be made.
    await audit.append(entryOf(command, operation, 'started', { plan: plan.summary }))
    const { run } = await runner.start({
      operation: operation.id,
      title: plan.summary,
      input: input as Json,
      caller: command.caller,
      key: command.key,
      locks: plan.locks,
      origin: { card: command.key },
      deadlineMs: DEADLINE_MS,
    })
    follow(command, operation, run)
  }

  function follow(command: Command, operation: Operation, run: RunView): void {
    const stop = runner.watch(run.id, (now) => {
      if (now.finishedAt === undefined)
        return void put(command, { card: running(now), state: 'working', run: now.id })
      stop()
      const card = ended(now, operation, options.services(command.caller).runs !== undefined)
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
        ...outputOf(now),
        ...(failed === undefined ? {} : { error: failed }),
      })
    })
  }

  async function confirm({ command, operation, input, plan }: Question): Promise<void> {
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
        return ask(command, operation, input, { ...now, warnings: [CHANGED, ...now.warnings] })
      }
      await start(command, operation, input, now)
    } catch (error) {
      fail(command, error)
    }
  }

  /** After the acknowledgement: parsing 4,000 characters or planning for 10,000 guests must not hold it up. */
  const begin = (command: Command) =>
    setImmediate(() => void handle(command).catch((error: unknown) => fail(command, error)))

  function decline(id: string, caller: Caller): void {
    const { command, operation, plan } = confirmations.take(id, caller)
    note(command, operation, 'declined', { plan: plan.summary })
    put(command, { card: declined(plan, `${caller.name} said no.`), state: 'done', error: 'cancelled' })
  }

  return {
    allowed,
    put,
    begin,
    follow,
    answer(id, yes, caller) {
      if (!yes) return decline(id, caller)
      void confirm(confirmations.take(id, caller))
    },
  }
}
