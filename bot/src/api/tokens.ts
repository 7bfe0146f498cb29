/** The programs of homelab.yaml that may call the API: n8n and the like, each by a token of its own. */
import { type Caller, errorData, type Secret } from '@homelab/core'
import type { Inventory, Person, SecretRef } from '@homelab/core/inventory'
import { apiPrefix } from '../rights/today.ts'
import { sameSecret } from './http.ts'

export interface TokensOptions {
  readonly inventory: () => Inventory
  readonly secrets: { resolve(ref: SecretRef): Promise<Secret> }
  /** Told once of each token that cannot be used, without the token. */
  readonly warn: (facts: { readonly person: string; readonly why: string }) => void
  readonly now?: () => number
}

/** Whoever has this token; undefined for all others. */
export type TokenLookup = (given: string) => Promise<Caller | undefined>

/** Shorter ones could be guessed, however slowly one may try. */
export const MIN_TOKEN_CHARS = 32
/** Milliseconds after which files and variables are read again: a token that was replaced is refused from then on. */
const KEPT_MS = 5_000

interface Holder {
  readonly person: Person
  readonly token: Secret
}

export function createTokens({ inventory, secrets, warn, now = Date.now }: TokensOptions): TokenLookup {
  const told = new Set<string>()
  let kept:
    | { readonly of: Inventory; readonly until: number; readonly holders: Promise<Holder[]> }
    | undefined

  const tell = (person: string, why: string) => {
    if (told.has(`${person} ${why}`)) return
    told.add(`${person} ${why}`)
    warn({ person, why })
  }

  async function read({ people }: Inventory): Promise<Holder[]> {
    const holders: Holder[] = []
    for (const person of people) {
      if (person.token === undefined) continue
      try {
        const token = await secrets.resolve(person.token)
        if (token.reveal().length >= MIN_TOKEN_CHARS) holders.push({ person, token })
        else tell(person.name, `its token has fewer than ${MIN_TOKEN_CHARS} characters`)
      } catch (error) {
        tell(person.name, errorData(error).message)
      }
    }
    return holders
  }

  return async (given) => {
    const file = inventory()
    // At once for whoever is taken out of the file.
    if (kept?.of !== file || kept.until < now())
      kept = { of: file, until: now() + KEPT_MS, holders: read(file) }
    let found: Person | undefined
    // Every one is compared, so that the time tells nothing.
    for (const { person, token } of await kept.holders) if (sameSecret(given, token)) found = person
    if (found === undefined) return undefined
    return {
      id: `${apiPrefix}${found.name}`,
      name: found.name,
      role: found.role,
      surface: 'api',
      person: found.name,
    }
  }
}
