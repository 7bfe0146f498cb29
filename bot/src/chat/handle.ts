/** One command on its way: parse → permit → plan → confirm → approve → run → follow → result → audit. */
import {
  type Caller,
  type Card,
  errorCard,
  errorData,
  HomelabError,
  type Json,
  type Operation,
  type Plan,
  parseCommand,
  planCard,
  type RunView,
  runnable,
} from '@homelab/core'
import type { ApprovalDesk } from './approvals.ts'
import { entryOf } from './audit.ts'
import { acknowledged, asking, askingAgain, declined, waitingForApproval } from './cards.ts'
import { createConfirmations, type Proposal, planHash } from './confirm.ts'
import { createFollower } from './follow.ts'
import type { DeskOptions } from './options.ts'
import { createPreparation, type Note } from './prepare.ts'
import { remedies } from './remedies.ts'
import { helpFor, refuseElsewhere, stripped } from './text.ts'
import type { Command, Posted } from './types.ts'

/** Milliseconds that a change may take from its acceptance, waiting for others included. */
export const DEADLINE_MS = 3_600_000

const CHANGED = 'Things changed after you were asked, so nothing was done. This is how they are now.'

export interface Handler {
  /** The operations that this caller may use on its surface. */
  allowed(caller: Caller): readonly Operation[]
  isPrivate(text: string, caller: Caller): boolean
  /** Shows a card of this command. */
  put(command: Command, change: Partial<Posted> & Pick<Posted, 'card' | 'state'>): Posted
  /** Ends a question that a restart has made void, in the audit log too. */
  close(command: Command, card: Card): void
  /** Starts with a command that was acknowledged. Errors become its card. */
  begin(command: Command): void
  /** Goes on with a change that was agreed to and approved, if the state is still the one it was for. */
  approved(proposal: Omit<Proposal, 'agreed'>, by: string): Promise<void>
  /** Shows how a run goes, to its end. */
  follow(command: Command, operation: Operation, run: RunView): void
  /** @throws HomelabError `conflict` when it was answered or expired, `denied` when it was not asked of this caller */
  answer(id: string, yes: boolean, caller: Caller): void
  readonly note: Note
}

/** @param approvals where changes wait that the file wants approved; absent where nothing stays to wait */
export function createHandler(options: DeskOptions, approvals: () => ApprovalDesk | undefined): Handler {
  const { registry, board, runner, audit, clock, rights } = options
  const confirmSeconds = options.confirmSeconds ?? 120
  const confirmations = createConfirmations(clock, confirmSeconds * 1000)

  const offered = (caller: Caller): readonly Operation[] => {
    const services = options.services(caller)
    return registry.all.filter((operation) => runnable(operation, caller.surface, services))
  }
  const allowed = (caller: Caller) => offered(caller).filter((operation) => rights.offers(operation, caller))

  const put = (command: Command, change: Partial<Posted> & Pick<Posted, 'card' | 'state'>): Posted => {
    const before = board.get(command.key)
    const now = clock.now().toISOString()
    const { confirmed, private: alone, pressed } = command
    return board.put({
      id: command.key,
      place: command.place,
      caller: command.caller,
      ...(confirmed === undefined ? {} : { confirmed }),
      ...(alone === undefined ? {} : { private: alone }),
      ...(pressed === undefined ? {} : { pressed }),
      command: command.text,
      at: now,
      ...before,
      ...change,
      ...(change.state === 'done' ? { doneAt: now } : {}),
    })
  }
  const fail = (command: Command, error: unknown): Posted => {
    const data = errorData(error)
    if (data.code === 'bug') options.onBug(error, command.text)
    const card = { ...errorCard(data), ...remedies(stripped(command.text), data) }
    return put(command, { card, state: 'done', error: data.code })
  }
  const note: Note = (command, operation, decision, rest = {}) => {
    void audit
      .append(entryOf(command, operation, decision, rest))
      .catch((error: unknown) => options.onBug(error, command.text))
  }
  const { targets, permit, planOf, outputOf } = createPreparation(options, note)
  const follow = createFollower({
    runner,
    clock,
    put,
    note,
    expectedMs: options.expectedMs ?? (() => undefined),
    kept: (command) => options.services(command.caller).runs !== undefined,
  })

  async function handle(command: Command): Promise<void> {
    const text = stripped(command.text)
    const here = offered(command.caller)
    refuseElsewhere(text, here, registry)
    const parsed = parseCommand(text, here)
    if (parsed.kind === 'help') {
      // Help shows what one may use, and so does the help of one command.
      if (parsed.operation !== undefined) rights.permit(parsed.operation, command.caller)
      return void put(command, { card: helpFor(parsed, allowed(command.caller)), state: 'done' })
    }
    const { operation, input, dryRun } = parsed
    await permit(command, operation, input)
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
    const agreed = command.confirmed === true ? 'plan' : 'nothing'
    await proceed({ command, operation, input, plan, agreed })
  }

  const asksFirst = (operation: Operation, plan: Plan): boolean => {
    const marked = options.mustConfirm()
    return (
      operation.risk === 'destructive' ||
      plan.confirm === true ||
      locksOut(plan) ||
      marked.includes(operation.id) ||
      marked.includes(operation.chat)
    )
  }

  /** The next thing that has to be agreed to, or else the change itself. */
  async function proceed(proposal: Proposal): Promise<void> {
    const { command, operation, input, plan, agreed } = proposal
    if (agreed === 'nothing' && asksFirst(operation, plan)) return ask(proposal)
    if (agreed !== 'lockout' && locksOut(plan)) return ask({ ...proposal, agreed: 'plan' })
    if (operation.immediate === true) return await act(command, operation, input, plan)
    if (await mustWait(proposal)) return
    await start(command, operation, input, plan)
  }

  /** Whether it waits for an approval now. */
  async function mustWait({ command, operation, input, plan }: Proposal): Promise<boolean> {
    const desk = approvals()
    if (desk === undefined) return false
    const touched = await targets(command, operation, input)
    const rule = options.approvals?.rule(operation, touched)
    if (rule === undefined) return false
    if (command.caller.person === undefined && !rule.by.includes('delay')) {
      throw new HomelabError(
        'denied',
        `${plan.summary} needs an approval, and nobody can tell whose this is.`,
        {
          hint: 'Ask for it in Discord or Slack, where you are known by your id; or add "delay" to its rule in homelab.yaml.',
        },
      )
    }
    await audit.append(entryOf(command, operation, 'waiting', { plan: plan.summary }))
    const pending = await desk.request({ command, operation, input, plan }, touched, rule)
    put(command, { card: waitingForApproval(pending, options.timezone?.()), state: 'working' })
    return true
  }

  async function read(command: Command, operation: Operation, input: Record<string, unknown>): Promise<void> {
    const output = await outputOf(command, operation, input)
    const failed = operation.failed?.(output) === true
    put(command, {
      card: operation.card(output, input),
      state: 'done',
      output,
      ...(failed ? { error: 'failed' } : {}),
    })
  }

  /** A change of our own queue, which must get through while every lock is taken: audited like any other, but no run. */
  async function act(
    command: Command,
    operation: Operation,
    input: Record<string, unknown>,
    plan: Plan,
  ): Promise<void> {
    await audit.append(entryOf(command, operation, 'started', { plan: plan.summary }))
    put(command, { card: acknowledged(plan.summary), state: 'working', acting: true })
    // Stored before it is done: after a crash nobody may think that it was not, or do it again.
    await board.flush()
    try {
      await read(command, operation, input)
    } catch (error) {
      note(command, operation, 'failed', { plan: plan.summary, result: errorData(error).message })
      throw error
    }
    note(command, operation, 'succeeded', { plan: plan.summary })
  }

  function ask(proposal: Proposal): void {
    const { command, operation, plan, agreed } = proposal
    note(command, operation, 'asked', { plan: plan.summary })
    const id = confirmations.open(proposal, () => {
      note(command, operation, 'expired', { plan: plan.summary })
      put(command, {
        card: declined(plan, `Nobody confirmed within ${confirmSeconds} s.`),
        state: 'done',
        error: 'cancelled',
      })
    })
    const card =
      agreed === 'nothing'
        ? asking(operation, plan, id, confirmSeconds)
        : askingAgain(plan, id, confirmSeconds)
    put(command, { card, state: 'asking' })
  }

  async function start(
    command: Command,
    operation: Operation,
    input: Record<string, unknown>,
    plan: Plan,
    approval?: string,
  ): Promise<void> {
    // First: a change that is not in the audit log must not be made.
    await audit.append(
      entryOf(command, operation, 'started', {
        plan: plan.summary,
        ...(approval === undefined ? {} : { approval }),
      }),
    )
    const { run } = await runner.start({
      operation: operation.id,
      title: plan.summary,
      input: input as Json,
      caller: command.caller,
      key: command.key,
      locks: plan.locks,
      origin: { card: command.key },
      deadlineMs: operation.deadlineMs ?? DEADLINE_MS,
    })
    follow(command, operation, run)
  }

  /**
   * The lab and the rights as they are now. A yes was for what the card said.
   * @returns the plan of now, and whether it is another one
   */
  async function lookAgain({ command, operation, input, plan }: Omit<Proposal, 'agreed'>) {
    await options.services(command.caller).lab?.overview({ fresh: true })
    await permit(command, operation, input)
    const now = await planOf(command, operation, input)
    const changed = planHash(now) !== planHash(plan)
    if (changed) note(command, operation, 'refused', { plan: plan.summary, result: 'the state changed' })
    return { now, changed }
  }

  async function confirm(asked: Proposal, caller: Caller): Promise<void> {
    const { plan, operation, input } = asked
    // Who answers is who asked, but what they may do may have changed since.
    const command: Command = { ...asked.command, caller }
    put(command, {
      card: { ...acknowledged(plan.summary), text: 'Looking whether things are still so…' },
      state: 'working',
      caller,
    })
    try {
      const { now, changed } = await lookAgain({ command, operation, input, plan })
      if (changed)
        return ask({
          ...asked,
          command,
          agreed: 'nothing',
          plan: { ...now, warnings: [CHANGED, ...now.warnings] },
        })
      await proceed({ ...asked, command, plan: now, agreed: asked.agreed === 'nothing' ? 'plan' : 'lockout' })
    } catch (error) {
      fail(command, error)
    }
  }

  /** After the acknowledgement: parsing 4,000 characters or planning for 10,000 guests must not hold it up. */
  const begin = (command: Command) =>
    setImmediate(() => void handle(command).catch((error: unknown) => fail(command, error)))

  function close(command: Command, card: Card): void {
    const asked = board.get(command.key)?.state === 'asking'
    const operation = asked ? operationOf(command) : undefined
    if (operation !== undefined) note(command, operation, 'expired', { result: 'the bot was restarted' })
    put(command, { card, state: 'done', error: 'cancelled' })
  }

  function operationOf(command: Command): Operation | undefined {
    try {
      const parsed = parseCommand(stripped(command.text), registry.all)
      return parsed.kind === 'command' ? parsed.operation : undefined
    } catch {
      return undefined
    }
  }

  function decline(id: string, caller: Caller): void {
    const proposal = confirmations.take(id, caller)
    if (proposal === undefined) return
    const { command, operation, plan } = proposal
    note(command, operation, 'declined', { plan: plan.summary })
    put(command, { card: declined(plan, `${caller.name} said no.`), state: 'done', error: 'cancelled' })
  }

  return {
    allowed,
    put,
    begin,
    close,
    follow,
    note,
    isPrivate(text, caller) {
      try {
        const line = stripped(text)
        const here = offered(caller)
        refuseElsewhere(line, here, registry)
        const parsed = parseCommand(line, here)
        if (parsed.kind === 'help' || parsed.operation.private === true) return true
        rights.permit(parsed.operation, caller)
        return false
      } catch {
        return true
      }
    },
    async approved(proposal, by) {
      const command: Command = { ...proposal.command, caller: options.today(proposal.command.caller) }
      try {
        if ((await options.runOf(command.key)) !== undefined) return
        const { now, changed } = await lookAgain({ ...proposal, command })
        if (changed)
          throw new HomelabError(
            'conflict',
            'Things changed after this was asked for, so nothing was done.',
            {
              hint: 'Type the command again, and have it approved as things are now.',
            },
          )
        await start(command, proposal.operation, proposal.input, now, by)
      } catch (error) {
        fail(command, error)
      }
    },
    answer(id, yes, caller) {
      if (!yes) return decline(id, caller)
      const proposal = confirmations.take(id, caller)
      if (proposal !== undefined) void confirm(proposal, caller)
    },
  }
}

const locksOut = (plan: Plan): boolean => (plan.lockout ?? []).length > 0
