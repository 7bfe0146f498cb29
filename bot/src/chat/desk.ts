/** What every surface goes through, so that none of them can leave a step out. */
import { complete, HomelabError, type SuggestKind } from '@homelab/core'
import type { WritableBoard } from './board.ts'
import { acknowledged } from './cards.ts'
import { createHandler, type DeskOptions } from './handle.ts'
import { interrupted, stripped } from './text.ts'
import type { Command, Desk, Posted } from './types.ts'

/** A command that was acknowledged so long ago and never begun is not done any more without asking. */
const FRESH_MS = 120_000

export function createDesk(options: DeskOptions): Desk {
  const { registry, board, history, clock } = options
  const handler = createHandler(options)

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
      handler.answer(action.id, action.kind === 'confirm', caller)
      return board.get(cardId) ?? posted
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
      for (const posted of board.recent({}, Number.MAX_SAFE_INTEGER)) {
        if (posted.state === 'done') continue
        const { command: text, caller, place, id: key, confirmed } = posted
        const command: Command = {
          text,
          caller,
          place,
          key,
          ...(confirmed === undefined ? {} : { confirmed }),
        }
        const run = await options.runOf(key)
        const operation = run === undefined ? undefined : registry.byId(run.operation)
        const age = clock.now().getTime() - Date.parse(posted.at)
        if (run !== undefined && operation !== undefined) handler.follow(command, operation, run)
        else if (posted.state === 'working' && age < FRESH_MS) handler.begin(command)
        else handler.put(command, { card: interrupted(posted), state: 'done', error: 'cancelled' })
      }
    },
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
