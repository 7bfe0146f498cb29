/** How a watch says what it found, and that it is over. */
import type { Card } from '@homelab/core'
import type { Notify } from '../chat/notices.ts'
import type { Finding } from './types.ts'

/** @param id of the card, for as long as it is the same problem */
export type Tell = (id: string, card: Card, state: 'live' | 'done', finding: Finding) => void

/** Each finding as a card in the ops channels. */
export const asCards =
  (notify: Notify): Tell =>
  (id, card, state) =>
    notify(id, card, state)
