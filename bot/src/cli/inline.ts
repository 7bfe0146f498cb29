/** A desk in the terminal's own process, for when no bot runs: the same grammar, rights, plans and cards. */
import { randomUUID } from 'node:crypto'
import { type Caller, createRegistry, HomelabError } from '@homelab/core'
import { systemClock, writerOf } from '@homelab/core/node'
import { operations } from '@homelab/core/operations'
import { createRights } from '@homelab/core/rights'
import { openBoard } from '../chat/board.ts'
import { createDesk } from '../chat/desk.ts'
import { openHistory } from '../chat/history.ts'
import { type InlineRuns, inlineRuns } from '../chat/inline-runs.ts'
import type { Desk, Posted } from '../chat/types.ts'
import { connectLab } from '../lab/connect.ts'
import { servicesOf } from '../lab/services.ts'
import type { Source } from '../settings.ts'
import { version } from '../version.ts'
import type { Connection } from './follow.ts'

export interface InlineDesk extends Connection, AsyncDisposable {
  readonly desk: Desk
  readonly caller: Caller
  submit(text: string, confirmed: boolean): Posted
  /** Cancels what runs; its card comes to its end. */
  interrupt(): Promise<void>
}

/** Who can read homelab.yaml and its secrets has the lab in their hands already. */
const owner: Caller = { id: 'cli:local', name: 'terminal', role: 'admin', surface: 'cli' }

export async function inlineDesk(source: Source): Promise<InlineDesk> {
  const lab = await connectLab(source.inventory, source.secrets)
  const registry = createRegistry(operations)
  const rights = createRights({ inventory: source.inventory })
  const about = { version, mode: 'inline' as const, lab: source.label }
  const services = servicesOf({ lab, registry, rights, about, file: source.file && writerOf(source.file) })
  const runner: InlineRuns = inlineRuns(registry.byId, ({ caller }) => services(caller), systemClock)
  const fail = (error: unknown) =>
    process.stderr.write(
      `homelab: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    )
  const board = await openBoard(undefined, fail)
  const desk = createDesk({
    registry,
    board,
    runner,
    runOf: async () => undefined,
    services,
    rights,
    today: (caller) => caller,
    // Without a bot there is nobody to keep an audit log that the person at the terminal could not change.
    audit: { append: async () => {} },
    history: await openHistory(),
    clock: systemClock,
    mustConfirm: () => source.inventory().confirm,
    suggest: (kind, typed, limit) => lab.lab.suggest(kind, typed, limit),
    onBug: fail,
  })
  return {
    desk,
    caller: owner,
    submit: (text, confirmed) =>
      desk.submit({
        text,
        caller: owner,
        place: { surface: 'cli', channel: 'inline' },
        key: randomUUID(),
        confirmed,
      }),
    press: async (id, action) => desk.press(id, action, owner, randomUUID()),
    follow: (id) => states(desk, id),
    interrupt: () => runner.cancelAll('Interrupted at the terminal.'),
    [Symbol.asyncDispose]: () => lab[Symbol.asyncDispose](),
  }
}

/** Every state of a card; when several came since the last one was taken, the newest. */
async function* states(desk: Desk, id: string): AsyncGenerator<Posted> {
  let newest = desk.board.get(id)
  if (newest === undefined) throw new HomelabError('not-found', `no card ${id}`)
  let wake = () => {}
  const stop = desk.board.subscribe(newest.place.surface, (posted) => {
    if (posted.id !== id) return
    newest = posted
    wake()
  })
  try {
    let last: Posted | undefined
    for (;;) {
      if (newest === last)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      if (newest === undefined) return
      last = newest
      yield last
      if (last.state === 'done') return
    }
  } finally {
    stop()
  }
}
