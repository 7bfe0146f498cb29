/** Cards that nobody asked for: in the ops channel of every platform or in one channel of the file, and in the console. */
import type { Card } from '@homelab/core'
import type { Inventory } from '@homelab/core/inventory'
import type { Platform } from './connector.ts'
import type { Desk, Place } from './types.ts'

export interface NoticeOptions {
  /** Where it is seen already. */
  readonly except?: Place | undefined
  /** A channel of the file instead of the ops channels. */
  readonly to?: string | undefined
  /** Whose lines come beside it. */
  readonly log?: string
}

export type Notify = (id: string, card: Card, state: 'live' | 'done', options?: NoticeOptions) => void

/** @param platforms those that the bot is on */
export function createNotices(
  desk: Pick<Desk, 'tell'>,
  inventory: () => Pick<Inventory, 'channels'>,
  platforms: readonly Platform[],
): Notify {
  return (id, card, state, { except, to, log } = {}) => {
    const places: Place[] = [{ surface: 'console', channel: 'desk' }]
    for (const platform of platforms)
      for (const channel of channelsFor(inventory(), platform, to))
        places.push({ surface: platform, channel })
    for (const place of places) {
      const same = except?.surface === place.surface && except.channel === place.channel
      if (!same) desk.tell(place, `${id}@${place.surface}/${place.channel}`, card, state, log)
    }
  }
}

/** The platform's ids of the channels that get notices. */
export const opsChannels = (
  { channels }: Pick<Inventory, 'channels'>,
  platform: Platform,
): readonly string[] => channels.flatMap((entry) => (entry.ops ? (entry[platform] ?? []) : []))

/** Where the channel is gone from the file, the ops channels: a notice must not be lost for that. */
function channelsFor(
  inventory: Pick<Inventory, 'channels'>,
  platform: Platform,
  to: string | undefined,
): readonly string[] {
  const named = inventory.channels.find(({ name }) => name === to)
  if (named === undefined) return opsChannels(inventory, platform)
  return named[platform] === undefined ? [] : [named[platform]]
}
