/** Whether Cloudflare Access stands before a host name. Pure. */
import type { AccessApp } from '../cloudflare/types.ts'
import { accessCovers } from './hostnames.ts'

/** `vault.example.com/admin` → host and path; a path of `*` or nothing is the whole host. */
function parts(domain: string): { readonly host: string; readonly path: string } {
  const slash = domain.indexOf('/')
  const host = slash < 0 ? domain : domain.slice(0, slash)
  const path = slash < 0 ? '' : domain.slice(slash).replace(/\/?\*?$/, '')
  return { host: host.toLowerCase(), path }
}

interface Entry {
  readonly app: AccessApp
  readonly host: string
  readonly path: string
}

/**
 * Finds the application that answers for a host name, or for a path of one: the most exact one, which alone counts whatever
 * wider ones say.
 */
export type Coverage = (domain: string) => AccessApp | undefined

/** Prepared once: a lab may have hundreds of names and of applications. */
export function coverageBy(apps: readonly AccessApp[]): Coverage {
  const exact = new Map<string, Entry[]>()
  const wild: Entry[] = []
  for (const app of apps) {
    // Others, as the app launcher, cover no host name.
    if (app.type !== 'self_hosted') continue
    for (const domain of app.domains.length > 0 ? app.domains : [app.domain]) {
      const entry = { app, ...parts(domain) }
      if (entry.host.includes('*')) wild.push(entry)
      else exact.set(entry.host, [...(exact.get(entry.host) ?? []), entry])
    }
  }
  return (domain) => {
    const { host, path } = parts(domain)
    const fits = [
      ...(exact.get(host) ?? []),
      ...wild.filter((entry) => accessCovers(entry.host, host)),
    ].filter((entry) => entry.path === '' || path === entry.path || path.startsWith(`${entry.path}/`))
    const score = (entry: Entry) => entry.path.length * 1000 + entry.host.replaceAll('*', '').length
    return fits.toSorted((a, b) => score(b) - score(a))[0]?.app
  }
}

/** Whether everybody passes without a login: one that bypasses for all protects nothing; for an address, it may be meant. */
export const isOpen = ({ policies }: AccessApp): boolean =>
  policies.some(({ decision, raw }) => decision === 'bypass' && /"everyone"/.test(JSON.stringify(raw)))

/** Only what keeps people out who are not let in. */
export const guarding = (app: AccessApp | undefined): AccessApp | undefined =>
  app === undefined || isOpen(app) ? undefined : app
