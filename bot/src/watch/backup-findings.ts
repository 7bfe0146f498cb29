/** What trouble with the backups is to the incidents. */
import type { Card } from '@homelab/core'
import type { Finding } from '../incidents/types.ts'
import type { Bare } from './backup-cards.ts'
import { isOver, problemOf, type Trouble } from './backup-troubles.ts'
import { fewOf } from './words.ts'

export function troubleFinding(trouble: Trouble, card: Card): Omit<Finding, 'card'> {
  const { key, kind, plan, since } = trouble
  return {
    key: plan === undefined ? `backup/${key}` : `backup/${plan}@${key.slice(`plan/${plan}/`.length)}`,
    state: isOver(trouble) ? 'resolved' : 'firing',
    kind: problemOf(kind),
    // Nothing can be restored from what is not as it was stored.
    severity: kind === 'damaged' ? 'critical' : 'warning',
    title: card.title,
    ...(card.text === undefined ? {} : { text: card.text }),
    about: plan === undefined ? {} : { plan },
    since,
  }
}

/** Nothing says when it is over: each thing is told once. */
export const uncoveredFinding = (key: string, bare: readonly Bare[], card: Card): Omit<Finding, 'card'> => ({
  key,
  state: 'firing',
  kind: 'uncovered',
  severity: 'warning',
  title: card.title,
  text: fewOf(bare.map(({ name }) => name)),
  about: {},
  once: true,
})
