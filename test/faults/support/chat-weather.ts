/** What happens to the connections of a chat platform's bot, sooner or later. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Discord } from '../../support/discord.ts'
import type { SlackPeer } from '../../support/slack.ts'

export interface Weather {
  readonly discord: Discord
  readonly slack: SlackPeer
  /** A whole number from 0 to below this. */
  readonly below: (limit: number) => number
  /** Connections that were ended or made deaf. */
  reconnects: number
  /** Sessions of Discord that may still be ended for good: each costs a login, of which the bot allows itself few an hour. */
  invalids: number
  /** Sessions of Discord that were ended for good. */
  ended: number
  /** Times that Slack may still be deaf: it takes the bot up to nine seconds to notice. */
  deafs: number
}

/** Milliseconds. */
const patience = 4_000
const deafFor = 11_000

/** Resolves with whether there is a connection. */
async function connected(count: () => Promise<number>): Promise<boolean> {
  for (const until = performance.now() + patience; performance.now() < until; await delay(100))
    if ((await count()) > 0) return true
  return false
}

/** Cuts, op 7, op 9, silence; and answers that are lost on their way back. */
export async function breakDiscord(weather: Weather): Promise<void> {
  const { discord, below } = weather
  if (!(await connected(async () => (await discord.state()).gateway.connections))) return
  weather.reconnects += 1
  const which = below(10)
  if (which === 0 && weather.invalids > 0) {
    weather.invalids -= 1
    weather.ended += 1
    await discord.gateway('invalid')
  } else if (which < 4) await discord.gateway('cut')
  else if (which < 6) await discord.gateway('reconnect')
  else if (which < 8) await discord.gateway('resumable')
  else if (which === 8) await discord.gateway('deafEvents').then(() => discord.gateway('reconnect'))
  else await discord.gateway('deaf')
  if (below(3) === 0) await discord.fault({ dropCallbacks: 1, dropCreates: 1, restErrors: 1 })
}

/** Cuts, the wish for another socket, silence; and answers that are lost on their way back. */
export async function breakSlack(weather: Weather): Promise<void> {
  const { slack, below } = weather
  if (!(await connected(async () => (await slack.state()).sockets))) return
  weather.reconnects += 1
  const which = below(10)
  if (which === 0 && weather.deafs > 0) {
    weather.deafs -= 1
    await slack.fault({ deaf: true })
    // It is over by itself, whoever lives by then.
    setTimeout(() => void slack.fault({ deaf: false }).catch(() => undefined), deafFor).unref()
  } else if (which < 5) await slack.cut()
  else await slack.disconnect(which < 8 ? 'refresh_requested' : 'warning')
  if (below(3) === 0) {
    const limited = { times: 2, retryAfter: 1 }
    await slack.fault({
      cutAfterPost: 1,
      answer500: 1,
      rateLimited: { 'chat.update': limited, 'chat.postMessage': limited },
    })
  }
}
