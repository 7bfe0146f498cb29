/** The Web API: errors at once to whoever can decide about them, and nothing of Slack's own words in our log but warnings. */
import { type Clock, redact, type Secret } from '@homelab/core'
import { LogLevel, type Logger as SlackLogger } from '@slack/bolt'
import { WebClient, type WebClientOptions } from '@slack/web-api'
import type { Logger } from 'pino'

/** How long a call may take. Slack's own are done in one second; a file takes longer. */
const TIMEOUT_MS = 20_000

export const clientOptions = (api: string | undefined, logger: SlackLogger): WebClientOptions => ({
  // The courier knows what is worth a second try, and when.
  retryConfig: { retries: 0 },
  rejectRateLimitedCalls: true,
  timeout: TIMEOUT_MS,
  logger,
  ...(api === undefined ? {} : { slackApiUrl: `${api}/`.replace(/\/+$/, '/') }),
})

export const createClient = (token: Secret, api: string | undefined, logger: SlackLogger): WebClient =>
  new WebClient(token.reveal(), clientOptions(api, logger))

/** Bolt's log in ours. It says `error` for what its callers handle. */
export function slackLogger(log: Logger, secrets: readonly Secret[]): SlackLogger {
  const say = (parts: readonly unknown[]) =>
    log.warn(
      {
        slack: redact(
          parts.map((part) => (part instanceof Error ? part.message : String(part))).join(' '),
          secrets,
        ),
      },
      'Slack',
    )
  const nothing = () => undefined
  return {
    debug: nothing,
    info: nothing,
    warn: (...parts) => say(parts),
    error: (...parts) => say(parts),
    setLevel: nothing,
    getLevel: () => LogLevel.WARN,
    setName: nothing,
  }
}

/** Whether the work was done within so many milliseconds. It goes on all the same. */
export async function inTime(work: Promise<unknown>, ms: number, clock: Clock): Promise<boolean> {
  const over = new AbortController()
  const late = clock.sleep(ms, over.signal).then(
    () => false,
    () => false,
  )
  try {
    return await Promise.race([work.then(() => true), late])
  } finally {
    over.abort()
  }
}
