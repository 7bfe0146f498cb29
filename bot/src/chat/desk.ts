/** What every surface goes through, so that none of them can leave a step out. */
import { type ButtonAction, type Caller, complete, HomelabError, type SuggestKind } from '@homelab/core'
import { createApprovalDesk } from './approval-desk.ts'
import type { WritableBoard } from './board.ts'
import { pressOf } from './buttons.ts'
import { acknowledged } from './cards.ts'
import { createHandler } from './handle.ts'
import type { DeskOptions } from './options.ts'
import { interrupted, stripped } from './text.ts'
import type { Command, Desk, Posted } from './types.ts'

/** A command that was acknowledged so long ago and never begun is not done any more without asking. */
const FRESH_MS = 120_000
/** A second press of a button within this time is a double click, even if what the first one asked for is done already. */
const DOUBLE_CLICK_MS = 5_000

/** Who shows the cards that nobody asked for. Its id is no person's on any platform. */
export const itself: Caller = { id: 'homelab:bot', name: 'homelab', role: 'nobody', surface: 'chat' }

export function createDesk(options: DeskOptions): Desk {
  const { registry, board, history, clock } = options
  const handler = createHandler(options, () => approvals)
  const approvals = createApprovalDesk(options, handler)

  const submit = (command: Command): Posted => {
    const known = board.get(command.key)
    if (known !== undefined) return known
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

  /** What this button was pressed for already, when that still goes on or was only just now. */
  const pressedBefore = (pressed: string): Posted | undefined =>
    board.recent({}, Number.MAX_SAFE_INTEGER).findLast((posted) => {
      if (posted.pressed !== pressed) return false
      return posted.state !== 'done' || clock.now().getTime() - Date.parse(posted.at) < DOUBLE_CLICK_MS
    })

  function press(cardId: string, action: ButtonAction, caller: Caller, key: string): Posted {
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
        return (
          pressedBefore(pressed) ??
          submit({ text: action.text, caller, place, key, pressed, ...aloneOf(posted) })
        )
      }
      case 'confirm':
      case 'decline':
        handler.answer(action.id, action.kind === 'confirm', caller)
        return board.get(cardId) ?? posted
      case 'approve':
      case 'reject':
        if (approvals === undefined) throw new HomelabError('usage', 'Nothing waits for an approval here.')
        approvals
          .decide(action.id, action.kind === 'approve', caller)
          .catch((error: unknown) => options.onBug(error, posted.command))
        return board.get(cardId) ?? posted
    }
  }

  return {
    board,
    submit,
    press,
    approvals,
    isPrivate: handler.isPrivate,
    tell(place, id, card, state = 'done') {
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
        ...(state === 'done' ? { doneAt: now } : {}),
      })
    },
    complete(line, caller) {
      const prefix = /^\s*\/?homelab\s+/i.exec(line)?.[0] ?? ''
      const operations = handler.allowed(caller)
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
        else if (posted.state === 'working' && age < FRESH_MS) handler.begin(command)
        else handler.put(command, { card: interrupted(posted), state: 'done', error: 'cancelled' })
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
