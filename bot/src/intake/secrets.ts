/** What each source of alerts shows to be let in: read where homelab.yaml says it is, and read again when that may have changed. */
import { randomBytes } from 'node:crypto'
import { errorData, Secret } from '@homelab/core'
import type { AlertSourceEntry, Inventory, SecretRef } from '@homelab/core/inventory'
import { sameSecret } from '../api/http.ts'

export interface SourceSecretsOptions {
  readonly inventory: () => Inventory
  readonly secrets: { resolve(ref: SecretRef): Promise<Secret> }
  /** Told once of each secret that cannot be used, without the secret. */
  readonly warn: (facts: { readonly source: string; readonly why: string }) => void
  readonly now?: () => number
}

/** Whether this is the secret of that source; of one that does not exist it takes as long, and is no. */
export type SourceLookup = (source: string, given: string) => Promise<AlertSourceEntry | undefined>

export const MIN_SECRET_CHARS = 16
/** Milliseconds after which files and variables are read again: a secret that was replaced is refused from then on. */
const KEPT_MS = 5_000
/** For how long the secret of before counts while its file cannot be read: a sender that is refused may not come back. */
const STALE_MS = 60_000

interface Kept {
  readonly of: Inventory
  readonly until: number
  readonly secrets: Promise<ReadonlyMap<string, Secret>>
}

export function createSourceSecrets(options: SourceSecretsOptions): SourceLookup {
  const { inventory, secrets, warn, now = Date.now } = options
  const told = new Set<string>()
  const good = new Map<string, { readonly secret: Secret; readonly at: number }>()
  const nobodys = new Secret(randomBytes(32).toString('base64url'))
  let kept: Kept | undefined

  const tell = (source: string, why: string) => {
    if (told.has(`${source} ${why}`)) return
    told.add(`${source} ${why}`)
    warn({ source, why })
  }

  async function secretOf({ name, secret: ref }: AlertSourceEntry): Promise<Secret | undefined> {
    try {
      const secret = await secrets.resolve(ref)
      if (secret.reveal().length >= MIN_SECRET_CHARS) {
        good.set(name, { secret, at: now() })
        return secret
      }
      tell(name, `its secret has fewer than ${MIN_SECRET_CHARS} characters`)
    } catch (error) {
      tell(name, errorData(error).message)
      const last = good.get(name)
      if (last !== undefined && last.at + STALE_MS > now()) return last.secret
    }
    return undefined
  }

  async function read({ alerts }: Inventory): Promise<ReadonlyMap<string, Secret>> {
    const found = new Map<string, Secret>()
    for (const source of alerts.sources) {
      const secret = await secretOf(source)
      if (secret !== undefined) found.set(source.name, secret)
    }
    return found
  }

  return async (name, given) => {
    const file = inventory()
    // At once for a source that is taken out of the file, or has another reference there.
    if (kept?.of !== file) good.clear()
    if (kept?.of !== file || kept.until < now())
      kept = { of: file, until: now() + KEPT_MS, secrets: read(file) }
    const expected = (await kept.secrets).get(name)
    const same = sameSecret(given, expected ?? nobodys)
    return same && expected !== undefined ? file.alerts.sources.find((each) => each.name === name) : undefined
  }
}
