/** Slack's own clients, set up for a simulated Slack: silent, and told at once what they would wait for. */
import { LogLevel } from '@slack/bolt'
import type { WebClientOptions } from '@slack/web-api'
import { WebClient } from '@slack/web-api'
import type { SlackInfo } from './slack.ts'

const nothing = (): void => undefined

export const quiet = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  setLevel: nothing,
  getLevel: () => LogLevel.ERROR,
  setName: nothing,
}

/** Never tries again by itself: not after 429, not after a broken connection. */
export const webClient = (info: SlackInfo, options: WebClientOptions & { token?: string } = {}): WebClient =>
  new WebClient(options.token ?? info.botToken, {
    slackApiUrl: info.api,
    logger: quiet,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    ...options,
  })

export const plain = (text: string) => ({ type: 'plain_text' as const, text })
