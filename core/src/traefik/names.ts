/** What may stand in a route. Everything is checked before it is written: Traefik's rules have no way to quote a backtick, and its files are Go templates. */
import { HomelabError } from '../errors.ts'
import type { TraefikRoute } from './types.ts'

/** ``Host(`jellyfin.example.org`)`` */
export const hostRule = (hostname: string): string => `Host(\`${hostname}\`)`

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
const NAME = /^homelab-[a-z0-9]([a-z0-9-]{0,90}[a-z0-9])?$/
const BACKEND = /^https?:\/\/(\[[0-9a-f:.]{2,45}\]|[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)(:[0-9]{1,5})?\/?$/i
const ENTRY_POINT = /^[A-Za-z0-9_-]{1,64}$/
const MIDDLEWARE = /^[A-Za-z0-9_.-]{1,128}(@[A-Za-z0-9_-]{1,64})?$/

const shown = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)

const refuse = (message: string, hint: string): never => {
  throw new HomelabError('usage', message, { hint })
}

/** @throws HomelabError `usage` */
export function checkName(name: string): void {
  if (!NAME.test(name))
    refuse(
      `${shown(name)} cannot be the name of a route.`,
      'It is homelab- and then up to 92 small letters, digits and hyphens.',
    )
}

/** @throws HomelabError `usage` for what cannot be a host name on the wire */
export function checkHostname(hostname: string): void {
  if (/[^\p{ASCII}]/u.test(hostname))
    refuse(
      `${shown(hostname)} has characters that no browser sends as a host name.`,
      'Write it as browsers do, with xn--: bücher.example is xn--bcher-kva.example.',
    )
  if (hostname.length > 253)
    refuse(`A host name has at most 253 characters, not ${hostname.length}.`, 'Take a shorter one.')
  const labels = hostname.split('.')
  const wrong = labels.find((label) => !LABEL.test(label))
  if (wrong !== undefined || labels.length < 2)
    refuse(
      `${shown(hostname)} is no host name${wrong === undefined || wrong === '' ? '' : ` (${shown(wrong)})`}.`,
      'Small letters, digits, hyphens and dots, at most 63 characters between two dots, as jellyfin.example.org.',
    )
}

/**
 * All that will be in the file.
 * @throws HomelabError `usage` naming what cannot be written
 */
export function checkRoute(route: TraefikRoute): void {
  checkName(route.name)
  checkHostname(route.hostname)
  if (route.rule !== hostRule(route.hostname))
    refuse(
      `The rule of ${route.name} is not ${hostRule(route.hostname)}.`,
      'homelab writes routes for one host name and nothing else.',
    )
  const port = Number(/:([0-9]+)\/?$/.exec(route.service)?.[1] ?? 80)
  if (!BACKEND.test(route.service) || port < 1 || port > 65_535)
    refuse(
      `${shown(route.service)} is no address of a backend.`,
      'As http://192.168.1.111:8096, without a path and without a password.',
    )
  const entry = route.entryPoints.find((name) => !ENTRY_POINT.test(name))
  if (entry !== undefined)
    refuse(`${shown(entry)} is no name of an entry point.`, 'As web or websecure; see the API of Traefik.')
  const middleware = route.middlewares.find((name) => !MIDDLEWARE.test(name))
  if (middleware !== undefined)
    refuse(`${shown(middleware)} is no name of a middleware.`, 'As auth, or auth@file for another provider.')
}
