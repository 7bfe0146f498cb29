/** What an outage is to the incidents. */
import type { Card } from '@homelab/core'
import type { Finding } from '../incidents/types.ts'
import { severityOf } from './about.ts'
import { isOpen, type Outage } from './outages.ts'
import { fewOf } from './words.ts'

/** Names in one title. */
const NAMED = 20

/** What stands alone goes by what it is, so that other sources can mean the same; several at once are one problem. */
export function outageFinding(outage: Outage, card: Card): Omit<Finding, 'card'> {
  const { id, kind, members } = outage
  const open = members.filter(({ end }) => end === undefined)
  const [only, ...others] = members
  const alone = only !== undefined && others.length === 0
  const about = alone ? (only.about ?? {}) : {}
  const named = open.length > 0 ? open : members
  const [since] = named.map(({ downAt }) => downAt).toSorted()
  return {
    key: alone ? only.key : id,
    state: isOpen(outage) ? 'firing' : 'resolved',
    kind: 'down',
    severity: alone && kind === 'guest' ? severityOf(about) : 'critical',
    title: alone
      ? card.title
      : `${card.title}: ${fewOf(
          named.map(({ name }) => name),
          NAMED,
        )}`,
    ...(card.text === undefined ? {} : { text: card.text }),
    about,
    ...(since === undefined ? {} : { since }),
  }
}
