/** The zones that the token may see, remembered: a hostname's zone is the longest that it ends with. */
import { HomelabError } from '../errors.ts'
import { joinWords } from '../nearest.ts'
import type { Clock } from '../ports.ts'
import type { Caller } from './call.ts'
import { permissions } from './errors.ts'
import { ZoneBody } from './schemas.ts'
import type { Zone } from './types.ts'

/** The API's largest. */
const PAGE = 50
/** Milliseconds for which the list is believed. */
const KEPT_MS = 600_000
/** Milliseconds after which a name that is in none of them makes the list be asked for anew. */
const MISS_MS = 10_000
const NAMED = 8

export interface Zones {
  all(signal?: AbortSignal): Promise<readonly Zone[]>
  /** @throws HomelabError `not-found` */
  of(hostname: string, signal?: AbortSignal): Promise<Zone>
}

/** As DNS has it: small letters, without the last dot, IDN in its ASCII form. What is no name stays as it is. */
export function asciiName(name: string): string {
  const plain = name.trim().replace(/\.$/, '').toLowerCase()
  const star = plain.startsWith('*.')
  const url = `http://${star ? plain.slice(2) : plain}/`
  if (!/[^\x20-\x7e]/.test(plain) || !URL.canParse(url)) return plain
  return `${star ? '*.' : ''}${new URL(url).hostname}`
}

/** @param account its id; undefined: those of every account that the token may see */
export function createZones(caller: Caller, clock: Clock, account: string | undefined): Zones {
  let known: { readonly at: number; readonly zones: Promise<readonly Zone[]> } | undefined

  // Without a signal: several callers wait for one answer, and none of them may take it from the others.
  async function ask(): Promise<readonly Zone[]> {
    const call = {
      path: `/zones${account === undefined ? '' : `?account.id=${encodeURIComponent(account)}`}`,
      what: 'the zones',
      permission: permissions.zoneRead,
    }
    const rows = await caller.list(ZoneBody, call, PAGE)
    return rows.map(({ id, name, status, account: { id: owner } }) => ({ id, name, status, account: owner }))
  }

  async function all(maxAge: number, signal?: AbortSignal): Promise<readonly Zone[]> {
    signal?.throwIfAborted()
    const now = clock.monotonic()
    if (known === undefined || now - known.at > maxAge) {
      const entry = { at: now, zones: ask() }
      known = entry
      entry.zones.catch(() => {
        if (known === entry) known = undefined
      })
    }
    const zones = await known.zones
    signal?.throwIfAborted()
    return zones
  }

  return {
    all: (signal) => all(KEPT_MS, signal),
    async of(hostname, signal) {
      const name = asciiName(hostname)
      for (const maxAge of [KEPT_MS, MISS_MS]) {
        const zones = await all(maxAge, signal)
        const found = zones
          .filter((zone) => {
            const suffix = asciiName(zone.name)
            return name === suffix || name.endsWith(`.${suffix}`)
          })
          .toSorted((a, b) => b.name.length - a.name.length)
        if (found[0] !== undefined) return found[0]
      }
      const names = (await all(MISS_MS, signal)).map((zone) => zone.name)
      const shown = names.slice(0, NAMED)
      const rest = names.length - shown.length
      throw new HomelabError('not-found', `"${hostname}" is in no zone of the Cloudflare account.`, {
        hint:
          names.length === 0
            ? `The API token sees no zone: it needs "${permissions.zoneRead}" for the zone.`
            : `There ${names.length === 1 ? 'is' : 'are'} ${joinWords(shown)}${rest > 0 ? ` and ${rest} more` : ''}; the API token may not be given all of them.`,
        data: { hostname: name, zones: names.slice(0, 100) },
      })
    },
  }
}
