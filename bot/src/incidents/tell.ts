/** How a watch says what it found, and that it is over. */
import type { Card } from '@homelab/core'
import type { Finding } from './types.ts'

/** @param id of the card, for as long as it is the same problem */
export type Tell = (id: string, card: Card, state: 'live' | 'done', finding: Finding) => void
