/** What people ask of the bot in a soak, and what they get to see of it, platform by platform. */
import type { Discord } from '../../support/discord.ts'
import type { SlackPeer } from '../../support/slack.ts'

/** `plain`: begins at once; `asks`: is confirmed or declined first. */
export interface Wish {
  readonly platform: 'discord' | 'slack'
  readonly by: 'command' | 'mention'
  readonly guest: string
  readonly kind: 'plain' | 'asks'
  readonly channel: string
}

export interface Asked extends Wish {
  /** Whether the platform heard the bot's yes in time; if not, the person was told. */
  readonly acknowledged: boolean
  /** Discord's id of it. */
  readonly interaction?: string
  /** Slack: the card's id, which stands in the message's metadata. */
  readonly card?: string
}

/** A message of the bot's. */
export interface Seen {
  readonly id: string
  readonly channel: string
  readonly text: string
  readonly buttons: readonly string[]
  /** Slack: the id of its card. */
  readonly card?: string
  /** Discord: "homelab is thinking…", or the platform's own word that it came to nothing. */
  readonly thinking: boolean
}

export interface People {
  ask(wish: Wish): Promise<Asked>
  /** Presses a button of this name in this message, twice at once; resolves when both were answered, or were not. */
  doubleClick(seen: Seen, label: string): Promise<void>
  /** All that the bot has said in a channel. */
  read(channel: string): Promise<readonly Seen[]>
  /** Resolves with the message of the bot's that is so, as soon as there is one. @throws Error with what stands there when none comes */
  sees(channel: string, is: (seen: Seen) => boolean): Promise<Seen>
}

/** Milliseconds without a new or changed message. */
const silence = 30_000

async function look(
  read: () => Promise<readonly Seen[]>,
  mark: () => Promise<number>,
  change: (after: number) => Promise<unknown>,
  is: (seen: Seen) => boolean,
): Promise<Seen> {
  for (;;) {
    const after = await mark()
    const all = await read()
    const found = all.findLast(is)
    if (found !== undefined) return found
    await change(after).catch(() => {
      throw new Error(`nothing like that came; there are: ${JSON.stringify(all.map(({ text }) => text))}`)
    })
  }
}

export function discordPeople(discord: Discord): People {
  const owner = discord.person('owner')
  const read = async (channel: string): Promise<readonly Seen[]> =>
    (await discord.read(channel))
      .filter(({ author }) => author.bot)
      .map(({ id, text, state, buttons }) => ({
        id,
        channel,
        text,
        buttons: buttons.map(({ label }) => label),
        thinking: state !== 'sent',
      }))
  return {
    read,
    sees: (channel, is) =>
      look(
        () => read(channel),
        discord.mark,
        (after) =>
          discord.waitFor(
            { kind: 'message', channel: discord.ready.channels[channel] ?? channel },
            { after, timeoutMs: silence },
          ),
        is,
      ),
    async ask(wish) {
      const options = { services: wish.guest, wait: false }
      const { state, interaction } = await owner.command({
        channel: wish.channel,
        path: ['restart'],
        options,
      })
      return { ...wish, acknowledged: state !== 'failed', interaction }
    },
    async doubleClick({ id }, label) {
      await Promise.allSettled([1, 2].map(() => owner.click({ message: id, label })))
    },
  }
}

export function slackPeople(slack: SlackPeer): People {
  const anna = slack.person('anna')
  const read = async (channel: string): Promise<readonly Seen[]> =>
    (await slack.read(channel))
      .filter(({ byBot }) => byBot)
      .map(({ ts, visible, actions, metadata }) => {
        const card = metadata?.event_payload.card
        return {
          id: ts,
          channel,
          text: visible,
          buttons: actions.map(({ label }) => label),
          thinking: false,
          ...(typeof card === 'string' ? { card } : {}),
        }
      })
  return {
    read,
    sees: (channel, is) =>
      look(
        () => read(channel),
        slack.mark,
        // Either of the two.
        (after) => slack.waitFor({ kind: '~^(posted|updated)$' as 'posted' }, { after, timeoutMs: silence }),
        is,
      ),
    async ask(wish) {
      const text = `restart ${wish.guest} wait:false`
      if (wish.by === 'mention') {
        const { channel, ts } = await anna.mention(wish.channel, text)
        // Slack brings an event until it is taken.
        return { ...wish, acknowledged: true, card: `slack:${channel}.${ts}` }
      }
      const { acked, trigger } = await anna.command(wish.channel, text)
      return { ...wish, acknowledged: acked, card: `slack:${trigger}` }
    },
    async doubleClick({ id, channel }, label) {
      await Promise.allSettled([1, 2].map(() => anna.click({ channel, ts: id }, label)))
    },
  }
}

/** `refused`: it could not be done as things were, such as while the same guest was down for another restart. */
export type End = 'restarted' | 'cancelled' | 'declined' | 'interrupted' | 'refused' | 'failed'

/** How a card has ended; undefined while it goes on, or asks. */
export function endOf({ text, buttons, thinking }: Seen): End | undefined {
  if (thinking || text.includes('⏳') || buttons.includes('Confirm')) return undefined
  if (/Cancelled:/.test(text)) return 'cancelled'
  if (/Not done:/.test(text)) return 'declined'
  if (/was restarted meanwhile, so nothing was done/.test(text)) return 'interrupted'
  if (/Not possible as things are/.test(text)) return 'refused'
  return /restarted|is back|restarting/i.test(text) ? 'restarted' : 'failed'
}
