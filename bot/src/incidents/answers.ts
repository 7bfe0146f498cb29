/** An Alertmanager that cannot be asked is a problem of its own: what it does not deliver is not known here. */
import { type Clock, duration, type ErrorData } from '@homelab/core'
import type { About } from '@homelab/core/alerts'
import type { WatchLog } from '../watch/types.ts'
import type { AskedSource } from './alertmanagers.ts'
import type { Finding } from './types.ts'

export interface AnswersOptions {
  readonly report: (finding: Finding) => void
  /** What an Alertmanager is in the lab; default: nothing that is known there. */
  readonly about?: (source: AskedSource) => About
  readonly clock: Clock
  readonly log: WatchLog
  /** Milliseconds without an answer before that is told. */
  readonly silentMs: number
}

export interface Answers {
  came(source: AskedSource): void
  missing(source: AskedSource, error: ErrorData): void
  /** These are in the file, and no others. */
  only(names: readonly string[]): void
}

interface Silent {
  /** Of the clock that never jumps. */
  readonly since: number
  /** ISO 8601 */
  readonly at: string
  /** What was told of it. */
  readonly said?: Finding
}

export function createAnswers({ report, about, clock, log, silentMs }: AnswersOptions): Answers {
  const silent = new Map<string, Silent>()
  const answered = new Set<string>()
  const silenceOf = (source: AskedSource): Finding => silence(source.name, about?.(source) ?? {})

  return {
    came(source) {
      const before = silent.get(source.name)
      silent.delete(source.name)
      // Said of each at its first answer, too: nobody remembers what was said before the start.
      if (before?.said !== undefined || !answered.has(source.name))
        report(isOver(before?.said ?? silenceOf(source)))
      answered.add(source.name)
    },
    missing(source, error) {
      const { name } = source
      const now = clock.monotonic()
      const known = silent.get(name)
      if (known === undefined) {
        silent.set(name, { since: now, at: clock.now().toISOString() })
        log.warn({ source: name, error: error.message }, 'an Alertmanager does not answer')
      } else if (known.said === undefined && now - known.since >= silentMs) {
        const said = { ...silenceOf(source), text: textOf(error, silentMs), since: known.at }
        silent.set(name, { ...known, said })
        report(said)
      }
    },
    only(names) {
      for (const [name, { said }] of silent) {
        if (names.includes(name)) continue
        if (said !== undefined) report(isOver(said))
        silent.delete(name)
      }
    },
  }
}

/** What is about nothing that is known is of a kind of its own, or all that are down would be one. */
const silence = (name: string, about: About): Finding => ({
  key: `alertmanager/${name}`,
  state: 'firing',
  severity: 'warning',
  kind: Object.keys(about).length === 0 ? `alertmanager-${name}` : 'down',
  title: `Alertmanager ${name} cannot be asked`,
  about,
})

const isOver = ({ text: _, since: __, ...finding }: Finding): Finding => ({ ...finding, state: 'resolved' })

const textOf = ({ message, hint }: ErrorData, ms: number): string =>
  [
    message,
    `For ${duration(ms)} it could not be seen what fires there: what it does not deliver by itself is not known here.`,
    hint ?? '',
  ]
    .filter((line) => line !== '')
    .join('\n')
