/** What is said of the connection itself: to whoever runs the bot, and in the ops channel. */
import { type Card, duration } from '@homelab/core'
import type { Advice } from './status.ts'

/** Milliseconds that a host's clock may be off before somebody should know. */
const worthSetting = 30_000

const portal = 'https://discord.com/developers/applications'
export const tokenHint = `Make a new one under ${portal} → your application → Bot → Reset Token, put it where discord.token in homelab.yaml points to, and restart the bot.`

export function refusal(what: 'token' | 'intents' | 'client', detail: string): Advice {
  if (what === 'token')
    return { problem: `Discord refuses the token in discord.token (${detail}).`, hint: tokenHint }
  if (what === 'intents')
    return {
      problem: `Discord refuses what the bot wants to hear (${detail}).`,
      hint: `Look at the intents under ${portal} → your application → Bot.`,
    }
  return {
    problem: `Discord refuses this version of the bot (${detail}).`,
    hint: 'Update it, and report this.',
  }
}

/** @param aheadMs undefined when it is not known */
export function clockAdvice(aheadMs: number | undefined): Advice | undefined {
  if (aheadMs === undefined || Math.abs(aheadMs) <= worthSetting) return undefined
  const minutes = Math.round(Math.abs(aheadMs) / 60_000)
  const off = minutes === 0 ? 'more than 30 s' : `about ${duration(minutes * 60_000)}`
  return {
    problem: `The clock of this host is ${off} ${aheadMs > 0 ? 'ahead' : 'behind'}.`,
    hint: 'Set it by NTP: `timedatectl set-ntp true` on the host. Times and deadlines are wrong until then.',
  }
}

/** @param ms how long it was */
export function awayCard(ms: number, resumed: boolean, since: string, now: Date): Card {
  return {
    title: `Back on Discord after ${duration(ms)}`,
    tone: 'warning',
    text: [
      `I could not hear you from ${minute(since)} to ${minute(now.toISOString())}.`,
      resumed
        ? 'What was typed meanwhile has arrived now.'
        : 'What was typed meanwhile did not arrive: please repeat it.',
    ].join(' '),
  }
}

const minute = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`
