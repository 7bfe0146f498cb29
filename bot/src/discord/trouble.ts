/** What Discord's refusals mean: for the courier, and for who runs the bot. */
import { DiscordAPIError, HTTPError, RateLimitError } from 'discord.js'
import { DeliveryError } from '../chat/courier.ts'

export const code = {
  unknownChannel: 10_003,
  unknownGuild: 10_004,
  unknownMember: 10_007,
  unknownMessage: 10_008,
  unknownWebhook: 10_015,
  unknownInteraction: 10_062,
  commandCreatesUsedUp: 30_034,
  tooLarge: 40_005,
  alreadyAcknowledged: 40_060,
  missingAccess: 50_001,
  cannotMessageUser: 50_007,
  missingPermissions: 50_013,
  wrongChannelType: 50_024,
  tokenExpired: 50_027,
  invalidForm: 50_035,
  threadArchived: 50_083,
  threadExists: 160_004,
} as const

export const codeOf = (error: unknown): number | undefined =>
  error instanceof DiscordAPIError && typeof error.code === 'number' ? error.code : undefined

export const isUnauthorised = (error: unknown): boolean =>
  error instanceof DiscordAPIError && error.status === 401

/** Where Discord does not say how long. Milliseconds. */
const unknownWait = 5_000
/** Milliseconds without a call, when Discord answers this address no more. */
const bannedWait = 300_000

/** Milliseconds that Discord wants us to wait. */
export const waitOf = (error: unknown): number | undefined =>
  error instanceof RateLimitError
    ? Math.max(error.retryAfter, error.timeToReset, error.sublimitTimeout, 0) || unknownWait
    : undefined

const gone: readonly number[] = [
  code.unknownChannel,
  code.unknownMessage,
  code.missingAccess,
  code.cannotMessageUser,
  code.missingPermissions,
  code.threadArchived,
]

/** The interaction's token is of no use for this: the bot's own message must do. */
const spent: readonly number[] = [
  code.unknownWebhook,
  code.unknownInteraction,
  code.tokenExpired,
  code.unknownMessage,
]
export const isSpent = (error: unknown): boolean =>
  isUnauthorised(error) || spent.includes(codeOf(error) ?? 0)

/** @returns a DeliveryError, or the error itself when it is a bug of ours */
export function deliveryError(error: unknown): unknown {
  if (error instanceof DeliveryError) return error
  const wait = waitOf(error)
  if (wait !== undefined)
    return new DeliveryError('wait', 'Discord asks for a pause', { retryAfterMs: wait, cause: error })
  if (error instanceof HTTPError) return new DeliveryError('again', error.message, { cause: error })
  if (error instanceof DiscordAPIError) {
    const found = codeOf(error)
    if (found !== undefined && gone.includes(found))
      return new DeliveryError('gone', error.message, { cause: error })
    // No answer of the API itself: too many calls that were refused, and every further one prolongs it.
    if (found === undefined && error.status !== 401)
      return new DeliveryError('wait', 'Discord answers this address no more for now', {
        retryAfterMs: bannedWait,
        cause: error,
      })
    // The connection's own status says what is wrong.
    if (error.status === 401 || error.status === 403)
      return new DeliveryError('again', error.message, { cause: error })
    return new DeliveryError('never', error.message, { cause: error })
  }
  return isNetwork(error)
    ? new DeliveryError('again', error instanceof Error ? error.message : String(error), { cause: error })
    : error
}

/** No answer came: refused, cut, timed out. */
export const isNetwork = (error: unknown): boolean =>
  error instanceof Error &&
  (error.name === 'AbortError' ||
    error.name === 'TimeoutError' ||
    error.message === 'fetch failed' ||
    ('code' in error && typeof error.code === 'string' && /^(E[A-Z]+|UND_ERR_\w+)$/.test(error.code)))
