/** Channels that the bot's own notices do not get into: nobody but the log would know of them. */
import type { Json } from '@homelab/core'
import { DeliveryError, type Outlet } from '../chat/courier.ts'
import type { Posted } from '../chat/types.ts'
import type { Advice } from './status.ts'
import { code, codeOf } from './trouble.ts'

const kept = 5

const reasons: Readonly<Record<number, readonly [string, string]>> = {
  [code.unknownChannel]: [
    'there is no such channel any more',
    'Put the id of another one under `channels` in homelab.yaml.',
  ],
  [code.missingAccess]: [
    'the bot does not see it',
    "Add the bot's role to the permissions of the channel, with View Channel and Send Messages.",
  ],
  [code.missingPermissions]: [
    'the bot may not write there',
    "Give the bot's role Send Messages, Embed Links and Attach Files in the channel.",
  ],
}

interface Muted {
  readonly reason: readonly [string, string]
  /** Titles of what was not shown, the oldest first. */
  readonly lost: readonly string[]
}

export interface MutedChannels {
  lost(posted: Posted, error: unknown): void
  /** Notes what gets through. */
  watched(outlet: Outlet): Outlet
  /** Of what could not be shown in this channel; undefined when all was. */
  missed(channel: string): readonly string[] | undefined
  readonly advice: Advice | undefined
}

/**
 * @param isOps whether a channel, by its id, is one that gets notices: what was asked elsewhere is nothing to the owner
 * @param nameOf what the file calls a channel
 */
export function mutedChannels(
  isOps: (channel: string) => boolean,
  nameOf: (channel: string) => string | undefined,
  onChange: () => void,
): MutedChannels {
  const muted = new Map<string, Muted>()
  const isNotice = ({ caller, place }: Posted) => caller.id.startsWith('homelab:') && isOps(place.channel)
  return {
    lost(posted, error) {
      const cause = error instanceof DeliveryError ? error.cause : error
      const reason = reasons[codeOf(cause) ?? 0]
      if (reason === undefined || !isNotice(posted)) return
      const { channel } = posted.place
      const titles = [...(muted.get(channel)?.lost ?? []), posted.card.title].slice(-kept)
      muted.set(channel, { reason, lost: [...new Set(titles)] })
      onChange()
    },
    watched: (outlet) => ({
      ...outlet,
      async show(posted, where) {
        const shown: { readonly [key: string]: Json } = await outlet.show(posted, where)
        const { channel, thread } = posted.place
        // An answer to an interaction, or an edit, needs no right to write there.
        const isNew = where?.message === undefined && where?.token === undefined
        if (isNew && thread === undefined && shown.channel === channel && muted.delete(channel)) onChange()
        return shown
      },
    }),
    missed: (channel) => muted.get(channel)?.lost,
    get advice() {
      // The file may have another one by now.
      const [found] = [...muted].filter(([channel]) => isOps(channel))
      if (found === undefined) return undefined
      const [channel, { reason }] = found
      const name = nameOf(channel)
      const named = name === undefined ? channel : `${name} (${channel})`
      return { problem: `Cannot write in ${named}: ${reason[0]}.`, hint: reason[1] }
    },
  }
}
