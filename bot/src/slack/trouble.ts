/** What Slack's refusals mean, in the words of this bot. */
import {
  ErrorCode,
  type WebAPIHTTPError,
  type WebAPIPlatformError,
  type WebAPIRateLimitedError,
} from '@slack/web-api'

/**
 * `wait`: too fast; `again`: a passing trouble; `gone`: the message or channel is no more, or we may not write there;
 * `shape`: the blocks or the text are refused; `token`, `scope`: somebody has to change the app; `never`: anything else;
 * `bug`: no answer of Slack's at all, but an error of ours.
 */
export interface Trouble {
  readonly kind: 'wait' | 'again' | 'gone' | 'shape' | 'token' | 'scope' | 'never' | 'bug'
  /** Slack's own word for it. */
  readonly code: string
  readonly retryAfterMs?: number
  /** The request may have been carried out though its answer did not come. */
  readonly unclear?: boolean
  /** The scope that is missing. */
  readonly needed?: string
}

const tokens = new Set([
  'invalid_auth',
  'not_authed',
  'account_inactive',
  'token_revoked',
  'token_expired',
  'not_allowed_token_type',
  'user_removed_from_team',
  'org_login_required',
])
const gone = new Set([
  'message_not_found',
  'channel_not_found',
  'is_archived',
  'not_in_channel',
  'cant_update_message',
  'edit_window_closed',
  'thread_not_found',
  'user_not_in_channel',
  'user_not_found',
  'users_not_found',
  'messages_tab_disabled',
  'restricted_action',
  'no_permission',
  'cannot_dm_bot',
])
const shapes = new Set([
  'invalid_blocks',
  'invalid_blocks_format',
  'invalid_attachments',
  'msg_blocks_too_long',
  'msg_too_long',
  'too_many_attachments',
  'no_text',
])
const passing = new Set([
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
  'team_added_to_org',
  'accesslimited',
])
/** A rate limit that does not say how long. */
const restMs = 5_000

export function troubleOf(error: unknown): Trouble {
  const { code } = (typeof error === 'object' && error !== null ? error : {}) as { readonly code?: unknown }
  switch (code) {
    case ErrorCode.RateLimitedError:
      return {
        kind: 'wait',
        code: 'ratelimited',
        retryAfterMs: (error as WebAPIRateLimitedError).retryAfter * 1000,
      }
    case ErrorCode.RequestError:
      return { kind: 'again', code: (error as Error).message, unclear: true }
    case ErrorCode.HTTPError: {
      const { statusCode } = error as WebAPIHTTPError
      const passes = statusCode >= 500 || statusCode === 408
      return { kind: passes ? 'again' : 'never', code: `HTTP ${statusCode}`, unclear: statusCode >= 500 }
    }
    case ErrorCode.PlatformError:
      return platformTrouble((error as WebAPIPlatformError).data)
    default:
      return { kind: 'bug', code: error instanceof Error ? error.message : String(error) }
  }
}

function platformTrouble(data: WebAPIPlatformError['data'] & { readonly needed?: unknown }): Trouble {
  const code = data.error
  const kind = tokens.has(code)
    ? 'token'
    : gone.has(code)
      ? 'gone'
      : shapes.has(code)
        ? 'shape'
        : passing.has(code)
          ? 'again'
          : 'never'
  if (code === 'ratelimited' || code === 'rate_limited' || code === 'message_limit_exceeded')
    return { kind: 'wait', code, retryAfterMs: restMs }
  if (code === 'missing_scope') return { kind: 'scope', code, needed: String(data.needed ?? 'a scope') }
  return { kind, code, ...(kind === 'again' ? { unclear: true } : {}) }
}

/** What is wrong and what to do about it, for the status of the connection. */
export interface Advice {
  readonly problem: string
  readonly hint: string
}

const appPage = 'https://api.slack.com/apps → your app'

export function adviceFor({ kind, code, needed }: Trouble, token: 'bot' | 'app'): Advice {
  if (kind === 'scope') {
    return {
      problem: `The Slack app lacks the scope ${needed}.`,
      hint: `Add it at ${appPage} → OAuth & Permissions → Scopes, reinstall the app there, and restart the bot.`,
    }
  }
  if (code === 'link_disabled') {
    return {
      problem: 'Socket Mode is switched off for the Slack app.',
      hint: `Switch it on at ${appPage} → Socket Mode, and restart the bot.`,
    }
  }
  const [setting, where, looks] =
    token === 'bot'
      ? ['slack.token', 'OAuth & Permissions → Bot User OAuth Token', 'xoxb-']
      : ['slack.app_token', 'Basic Information → App-Level Tokens (scope connections:write)', 'xapp-']
  const meaning: Record<string, string> = {
    account_inactive: 'the app was removed from the workspace',
    token_revoked: 'it was revoked',
    token_expired: 'it has expired',
    not_allowed_token_type: `it is of the wrong kind, this one begins with ${looks}`,
  }
  return {
    problem: `Slack refuses ${setting} (${code}): ${meaning[code] ?? 'it is wrong'}.`,
    hint: `Copy it anew from ${appPage} → ${where}, and restart the bot.`,
  }
}

/** Before Slack is asked: a token in the wrong place is the mistake that everybody makes once. */
export function wrongTokens(token: string, appToken: string | undefined, http: boolean): Advice | undefined {
  const kinds: Record<string, string> = {
    xoxp: 'a user token',
    xapp: 'an app-level token',
    xoxb: 'a bot token',
    xoxe: 'a configuration token',
  }
  const kindOf = (text: string) => kinds[text.slice(0, 4)] ?? 'no token of Slack'
  if (!token.startsWith('xoxb-')) {
    return {
      problem: `slack.token is ${kindOf(token)}; the bot needs the bot token, which begins with xoxb-.`,
      hint: `Copy it from ${appPage} → OAuth & Permissions → Bot User OAuth Token, and restart the bot.`,
    }
  }
  if (http) return undefined
  const hint = `Make one at ${appPage} → Basic Information → App-Level Tokens with the scope connections:write, and restart the bot.`
  if (appToken === undefined)
    return { problem: 'Socket Mode needs slack.app_token, which begins with xapp-.', hint }
  return appToken.startsWith('xapp-')
    ? undefined
    : { problem: `slack.app_token is ${kindOf(appToken)}; it has to begin with xapp-.`, hint }
}
