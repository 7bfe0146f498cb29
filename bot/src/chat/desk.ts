/** What every surface goes through, so that none of them can leave a step out. */
import {
  type ButtonAction,
  type Caller,
  complete,
  errorData,
  HomelabError,
  type SuggestKind,
} from '@homelab/core'
import { createApprovalDesk } from './approval-desk.ts'
import type { WritableBoard } from './board.ts'
import { pressOf } from './buttons.ts'
import { acknowledged } from './cards.ts'
import { formOf } from './form.ts'
import { createHandler } from './handle.ts'
import type { DeskOptions } from './options.ts'
import { interrupted, stripped, unclearCard } from './text.ts'
import type { Command, Desk, Posted } from './types.ts'

/** A command that was acknowledged so long ago and never begun is not done any more without asking. */
const FRESH_MS = 120_000
/** A second press of a button within this time is a double click, even if what the first one asked for is done already. */
const DOUBLE_CLICK_MS = 5_000
/** Names that are looked through for those that one may touch. */
const NARROWED = 500
/** Keys of second presses that a card remembers. */
const KEYS_KEPT = 5

/** Who shows the cards that nobody asked for. Its id is no person's on any platform. */
export const itself: Caller = { id: 'homelab:bot', name: 'homelab', role: 'nobody', surface: 'chat' }

export function createDesk(options: DeskOptions): Desk {
  const { registry, board, history, clock } = options
  const handler = createHandler(options, () => approvals)
  const approvals = createApprovalDesk(options, handler)

  /** Also of a message that turned out to be a second press. */
  const known = (key: string): Posted | undefined =>
    board.get(key) ?? board.recent({}, Number.MAX_SAFE_INTEGER).find(({ also }) => also?.includes(key))

  const submit = (command: Command): Posted => {
    const before = known(command.key)
    if (before !== undefined) return before
    const shown = command.text.trim().slice(0, 200)
    const posted = handler.put(command, {
      card: acknowledged(shown === '' ? 'help' : shown),
      state: 'working',
    })
    void history
      .add(command.caller.id, stripped(command.text))
      .catch((error: unknown) => options.onBug(error, shown))
    handler.begin(command)
    return posted
  }

  /**
   * What this button was pressed for already: by the same person just now, or by anybody when it is being done. A question
   * to somebody else, or what they were refused, is nothing to whoever presses next.
   */
  const pressedBefore = (pressed: string, caller: Caller): Posted | undefined =>
    board.recent({}, Number.MAX_SAFE_INTEGER).findLast((posted) => {
      if (posted.pressed !== pressed) return false
      if (posted.state !== 'done') return posted.run !== undefined || posted.caller.id === caller.id
      const age = clock.now().getTime() - Date.parse(posted.at)
      return posted.caller.id === caller.id && age < DOUBLE_CLICK_MS
    })

  /** The same message may come again when what it asked for is long done. */
  const alsoBy = (posted: Posted, key: string): Posted =>
    posted.also?.includes(key) === true
      ? posted
      : board.put({ ...posted, also: [...(posted.also ?? []), key].slice(-KEYS_KEPT) })

  /** Who was refused an answer is in the audit log like who was refused a command. */
  function refused(error: unknown, posted: Posted, kind: ButtonAction['kind'], caller: Caller): void {
    const { code, message } = errorData(error)
    if (code !== 'denied') return
    const { channel } = caller
    options.audit
      .append({
        caller: { id: caller.id, name: caller.name, surface: caller.surface },
        command: posted.command === '' ? posted.card.title : posted.command,
        operation: `desk.${kind}`,
        decision: 'denied',
        result: message,
        ...(channel === undefined ? {} : { channel }),
      })
      .catch((bug: unknown) => options.onBug(bug, posted.command))
  }

  function press(cardId: string, action: ButtonAction, caller: Caller, key: string): Posted {
    const same = known(key)
    if (same !== undefined) return same
    const posted = board.get(cardId)
    if (posted === undefined)
      throw new HomelabError('not-found', 'That card is too old to act on.', {
        hint: 'Type the command again.',
      })
    switch (action.kind) {
      case 'form':
      case 'command': {
        const pressed = pressOf(cardId, action)
        const { place } = posted
        const before = pressedBefore(pressed, caller)
        if (before !== undefined) return alsoBy(before, key)
        // What a button answers may be for one person though its card was not, and the other way round.
        const alone = caller.channel !== undefined && handler.isPrivate(action.text, caller)
        const { text } = action
        return submit({ text, caller, place, key, pressed, ...(alone ? { private: true } : {}) })
      }
      case 'confirm':
      case 'decline':
        try {
          handler.answer(action.id, action.kind === 'confirm', caller)
        } catch (error) {
          refused(error, posted, action.kind, caller)
          throw error
        }
        return board.get(cardId) ?? posted
      case 'approve':
      case 'reject':
        if (approvals === undefined) throw new HomelabError('usage', 'Nothing waits for an approval here.')
        try {
          approvals
            .decide(action.id, action.kind === 'approve', caller)
            .catch((error: unknown) => options.onBug(error, posted.command))
        } catch (error) {
          refused(error, posted, action.kind, caller)
          throw error
        }
        return board.get(cardId) ?? posted
      // The platform opens it by itself.
      case 'link':
        return posted
    }
  }

  return {
    board,
    submit,
    press,
    approvals,
    isPrivate: handler.isPrivate,
    tell(place, id, card, state = 'done', log) {
      const before = board.get(id)
      const now = clock.now().toISOString()
      return board.put({
        id,
        place,
        caller: itself,
        command: '',
        at: before?.at ?? now,
        card,
        state: state === 'live' ? 'working' : 'done',
        ...(log === undefined ? {} : { log }),
        ...(state === 'done' ? { doneAt: now } : {}),
      })
    },
    complete(line, caller, limit) {
      const prefix = /^\s*\/?homelab\s+/i.exec(line)?.[0] ?? ''
      const operations = handler.allowed(caller)
      const operation = formOf(line.slice(prefix.length), operations)?.operation
      const narrow = operation !== undefined && options.rights.dependsOnTargets(operation, caller)
      const suggest = (kind: SuggestKind, typed: string, limit: number) => {
        if (kind === 'commands')
          return operations
            .filter((o) => o.chat.startsWith(typed.toLowerCase()))
            .slice(0, limit)
            .map((o) => ({ value: o.chat, label: o.title }))
        if (!narrow || (kind !== 'services' && kind !== 'guests')) return options.suggest(kind, typed, limit)
        return options
          .suggest(kind, typed, NARROWED)
          .filter(({ value }) => options.rights.offersFor(operation, caller, value))
          .slice(0, limit)
      }
      return complete(line.slice(prefix.length), { operations, suggest }, limit).map((c) => ({
        ...c,
        line: prefix + c.line,
      }))
    },
    history: (caller, limit) => history.list(caller.id, limit),
    settled: (cardId, wait = {}) => settled(board, cardId, wait),
    stored: () => board.flush(),
    async resume() {
      await approvals?.load()
      for (const posted of board.recent({}, Number.MAX_SAFE_INTEGER)) {
        // What the bot tells by itself is told anew by whoever told it.
        if (posted.state === 'done' || posted.caller.id === itself.id) continue
        const command = commandOf(posted)
        const run = await options.runOf(posted.id)
        const operation = run === undefined ? undefined : registry.byId(run.operation)
        const age = clock.now().getTime() - Date.parse(posted.at)
        if (run !== undefined && operation !== undefined) handler.follow(command, operation, run)
        else if (approvals?.of(posted.id) !== undefined) continue
        else if (posted.acting === true)
          handler.put(command, { card: unclearCard(posted), state: 'done', error: 'unclear' })
        // With what its caller may do now: an owner may have stopped the bot because of this very command.
        else if (posted.state === 'working' && age < FRESH_MS)
          handler.begin({ ...command, caller: options.today(command.caller) })
        else handler.close(command, interrupted(posted))
      }
    },
    stop: () => approvals?.stop(),
  }
}

const aloneOf = ({ private: alone }: Posted) => (alone === undefined ? {} : { private: alone })

function commandOf(posted: Posted): Command {
  const { command: text, caller, place, id: key, confirmed, pressed } = posted
  return {
    text,
    caller,
    place,
    key,
    ...(confirmed === undefined ? {} : { confirmed }),
    ...(pressed === undefined ? {} : { pressed }),
    ...aloneOf(posted),
  }
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
