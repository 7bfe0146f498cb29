/** Keeps the commands registered: once a start, and again with growing waits where it fails. */
import type { Clock } from '@homelab/core'
import { type RegisterOptions, registerCommands } from './register.ts'
import type { Advice } from './status.ts'
import { code, codeOf, waitOf } from './trouble.ts'

/** Milliseconds. */
const firstRetry = 5_000
const longestRetry = 3_600_000

export interface Registration {
  /** At the first connection. */
  ensure(): void
  /** Something changed that may have been in the way, or undone it: it is tried now. */
  again(): void
  close(): void
}

export function createRegistration(
  options: RegisterOptions & { readonly clock: Clock; readonly invite: string },
  /** Undefined: they are registered. */
  onResult: (trouble: Advice | undefined, error?: unknown) => void,
): Registration {
  const stop = new AbortController()
  let woken = new AbortController()
  let begun = false
  let running = false
  /** Of what is running, before its result. */
  let stale = false

  const troubleOf = (error: unknown): Advice => {
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
    running = true
    await attempts()
    running = false
  }

  async function attempts(): Promise<void> {
    for (let failures = 0; ; failures++) {
      try {
        stale = false
        await registerCommands(options)
        if (stale) continue
        return onResult(undefined)
      } catch (error) {
        if (stop.signal.aborted) return
        const trouble = troubleOf(error)
        onResult(trouble, error)
        if (stale) continue
        const slow = trouble.refused === true || codeOf(error) === code.commandCreatesUsedUp
        const pause = slow ? longestRetry : Math.min(longestRetry, firstRetry * 2 ** Math.min(failures, 10))
        woken = new AbortController()
        await options.clock
          .sleep(Math.max(waitOf(error) ?? 0, pause), AbortSignal.any([stop.signal, woken.signal]))
          .catch(() => undefined)
        if (stop.signal.aborted) return
      }
    }
  }

  return {
    ensure() {
      if (begun) return
      begun = true
      void register()
    },
    again() {
      stale = true
      if (running) woken.abort()
      else if (begun && !stop.signal.aborted) void register()
    },
    close: () => stop.abort(),
  }
}
