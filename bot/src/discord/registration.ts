/** Keeps the commands registered: once a start, and again with growing waits where it fails. */
import type { Clock } from '@homelab/core'
import { type RegisterOptions, registerCommands } from './register.ts'
import { code, codeOf, waitOf } from './trouble.ts'

/** Milliseconds. */
const firstRetry = 5_000
const longestRetry = 3_600_000

export interface Trouble {
  /** The bot is not in the guild, or was invited without the right to make commands: trying again is of no use. */
  readonly refused: boolean
  readonly problem: string
  readonly hint: string
}

export interface Registration {
  /** Now, unless it is done or waits for its next try. */
  ensure(): void
  /** Something changed that may have been in the way. */
  again(): void
  close(): void
}

export function createRegistration(
  options: RegisterOptions & { readonly clock: Clock; readonly invite: string },
  /** Undefined: they are registered. */
  onResult: (trouble: Trouble | undefined, error?: unknown) => void,
): Registration {
  const stop = new AbortController()
  let state: 'open' | 'busy' | 'done' = 'open'
  let failures = 0

  const troubleOf = (error: unknown): Trouble => {
    const found = codeOf(error)
    const where = options.guild === undefined ? 'everywhere' : `in the server ${options.guild}`
    if (found === code.missingAccess || found === code.unknownGuild)
      return {
        refused: true,
        problem: `Discord does not let the bot offer its commands ${where}: it is not in it, or was invited without them.`,
        hint: `Invite it: ${options.invite}`,
      }
    if (found === code.commandCreatesUsedUp)
      return {
        refused: false,
        problem: 'Discord takes no more new commands today.',
        hint: 'It is tried again every hour. Until then mention the bot, or write to it directly.',
      }
    return {
      refused: false,
      problem: `The commands could not be registered: ${error instanceof Error ? error.message : String(error)}`,
      hint: 'It is tried again by itself. Until then mention the bot, or write to it directly.',
    }
  }

  async function register(): Promise<void> {
    state = 'busy'
    while (!stop.signal.aborted) {
      try {
        await registerCommands(options)
        state = 'done'
        return onResult(undefined)
      } catch (error) {
        if (stop.signal.aborted) return
        const trouble = troubleOf(error)
        onResult(trouble, error)
        if (trouble.refused) {
          state = 'open'
          return
        }
        failures += 1
        const pause =
          codeOf(error) === code.commandCreatesUsedUp
            ? longestRetry
            : firstRetry * 2 ** Math.min(failures - 1, 10)
        await options.clock.sleep(Math.max(waitOf(error) ?? 0, Math.min(pause, longestRetry)), stop.signal)
      }
    }
  }

  const start = () => {
    // The only way out of it is being closed.
    if (state === 'open') register().catch(() => undefined)
  }
  return {
    ensure: start,
    again: start,
    close: () => stop.abort(),
  }
}
