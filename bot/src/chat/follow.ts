/** Shows how a run goes, to its end, on the card of the command that started it. */
import type { Clock, Json, Operation, RunView } from '@homelab/core'
import type { Decision } from './audit.ts'
import { ended, failureOutput, running } from './cards.ts'
import type { Command, Posted, Runner } from './types.ts'

export interface FollowOptions {
  readonly runner: Runner
  readonly clock: Clock
  readonly expectedMs: (run: RunView) => number | undefined
  /** Whether a run can be looked at later: one inside a terminal is gone with it. */
  readonly kept: (command: Command) => boolean
  readonly put: (command: Command, change: Partial<Posted> & Pick<Posted, 'card' | 'state'>) => void
  readonly note: (
    command: Command,
    operation: Operation,
    decision: Decision,
    rest: { readonly run: string; readonly result: string },
  ) => void
}

/** Seconds between two looks at a clock that moves though nothing is reported: often at first, then less and less. */
const tickSeconds = (elapsedMs: number): number => (elapsedMs < 15_000 ? 1 : elapsedMs < 120_000 ? 5 : 30)

export function createFollower(options: FollowOptions) {
  const { runner, clock } = options
  const followed = new Set<string>()
  return (command: Command, operation: Operation, run: RunView): void => {
    // After a restart both the card and its approval find the run.
    if (followed.has(run.id)) return
    followed.add(run.id)
    const over = new AbortController()
    let latest = run
    const show = () =>
      options.put(command, {
        card: running(latest, clock.now(), options.expectedMs(latest)),
        state: 'working',
        run: latest.id,
      })
    const stop = runner.watch(run.id, (now) => {
      latest = now
      if (now.finishedAt === undefined) return show()
      stop()
      over.abort()
      followed.delete(run.id)
      const card = ended(now, operation, options.kept(command))
      const failed =
        now.state === 'succeeded'
          ? card.tone === 'error'
            ? 'failed'
            : undefined
          : (now.error?.code ?? now.state)
      const decision = now.state === 'succeeded' || now.state === 'cancelled' ? now.state : 'failed'
      options.note(command, operation, decision, { run: now.id, result: card.title })
      options.put(command, {
        card,
        state: 'done',
        run: now.id,
        ...outputOf(now),
        ...(failed === undefined ? {} : { error: failed }),
      })
    })
    void tick(over.signal, () => latest, show, clock)
  }
}

async function tick(signal: AbortSignal, latest: () => RunView, show: () => void, clock: Clock) {
  try {
    while (!signal.aborted) {
      const { startedAt } = latest()
      const elapsed = startedAt === undefined ? 0 : clock.now().getTime() - Date.parse(startedAt)
      await clock.sleep(tickSeconds(elapsed) * 1000, signal)
      if (latest().state === 'running') show()
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** What a run has to show, also when it failed in part. */
const outputOf = (run: RunView): { readonly output?: Json } => {
  const output = run.result ?? failureOutput(run)
  return output === undefined ? {} : { output }
}
