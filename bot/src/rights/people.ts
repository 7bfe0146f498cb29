/** Whether two callers are one human, as far as homelab.yaml can tell. */
import type { Caller } from '@homelab/core'
import type { Inventory, Person } from '@homelab/core/inventory'

/** `unknown`: on two platforms, and one of them is let in by a group or by other means than the file. */
export type Likeness = 'same' | 'other' | 'unknown'

const platformOf = (id: string): string => id.slice(0, id.indexOf(':'))

/** By the id itself, not by a group that many are in. */
function listed(id: string, people: readonly Person[]): Person | undefined {
  const platform = platformOf(id)
  if (platform === 'api') return people.find(({ name, token }) => token !== undefined && id === `api:${name}`)
  if (platform !== 'discord' && platform !== 'slack') return undefined
  return people.find((person) => person[platform]?.includes(id.slice(platform.length + 1)))
}

export function likeness(a: Caller, b: Caller, { people }: Pick<Inventory, 'people'>): Likeness {
  if (a.id === b.id) return 'same'
  const [one, two] = [listed(a.id, people), listed(b.id, people)]
  if (one !== undefined && two !== undefined) return one === two ? 'same' : 'other'
  // A human has one id on a platform, unless the file says otherwise.
  return platformOf(a.id) === platformOf(b.id) ? 'other' : 'unknown'
}
