/** Rights for a while: decided from memory, kept in the store, over by the clock. */
import { randomInt } from 'node:crypto'
import { type Clock, type Grant, type Grants, HomelabError } from '@homelab/core'

export interface GrantStore {
  add(grant: Grant): Promise<void>
  /** It stays in the file, for who looks later. */
  end(id: string, at: string, by: string): Promise<void>
  /** Those in force at this moment, the oldest first. */
  load(now: string): Promise<readonly Grant[]>
}

/** More at once is a mistake, and each of them is looked at with every command. */
const MAX_ACTIVE = 1000
// Without those that one mistakes for each other.
const letters = 'abcdefghjkmnpqrstuvwxyz23456789'

export async function openGrants(store: GrantStore, clock: Pick<Clock, 'now'>): Promise<Grants> {
  const now = (): string => clock.now().toISOString()
  const kept = new Map((await store.load(now())).map((grant) => [grant.id, grant] as const))
  const active = (): readonly Grant[] => {
    const at = now()
    for (const [id, { until }] of kept) if (until <= at) kept.delete(id)
    return [...kept.values()]
  }
  const freeId = (): string => {
    let id = ''
    do id = `g${Array.from({ length: 5 }, () => letters[randomInt(letters.length)]).join('')}`
    while (kept.has(id))
    return id
  }
  return {
    active,
    async give(given) {
      if (active().length >= MAX_ACTIVE) {
        throw new HomelabError('conflict', `${MAX_ACTIVE} grants are in force; no more are given.`, {
          hint: '`rights list` shows them, `rights revoke` ends one.',
        })
      }
      const grant: Grant = { ...given, id: freeId(), at: now() }
      // In the file first: what a restart would forget must not be told as given.
      await store.add(grant)
      kept.set(grant.id, grant)
      return grant
    },
    async revoke(id, by) {
      const grant = active().find((each) => each.id === id)
      if (grant === undefined) return undefined
      // From memory first: it must be over even when the disk is full.
      kept.delete(id)
      await store.end(id, now(), by.id)
      return grant
    },
  }
}
