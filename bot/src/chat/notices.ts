/** Cards that nobody asked for: in the ops channel of every platform, and in the console. */
import type { Card } from '@homelab/core'
import type { Inventory } from '@homelab/core/inventory'
import type { Platform } from './connector.ts'
import type { Desk, Place } from './types.ts'

export type Notify = (id: string, card: Card, state: 'live' | 'done', except?: Place) => void

/** @param platforms those that the bot is on */
export function createNotices(
  desk: Pick<Desk, 'tell'>,
  inventory: () => Pick<Inventory, 'channels'>,
  platforms: readonly Platform[],
): Notify {
  return (id, card, state, except) => {
    const places: Place[] = [{ surface: 'console', channel: 'desk' }]
    for (const platform of platforms)
      for (const channel of opsChannels(inventory(), platform)) places.push({ surface: platform, channel })
    for (const place of places) {
      const same = except?.surface === place.surface && except.channel === place.channel
      if (!same) desk.tell(place, `${id}@${place.surface}/${place.channel}`, card, state)
    }
  }
}

/** The platform's ids of the channels that get notices. */
export const opsChannels = (
  { channels }: Pick<Inventory, 'channels'>,
  platform: Platform,
): readonly string[] => channels.flatMap((entry) => (entry.ops ? (entry[platform] ?? []) : []))
