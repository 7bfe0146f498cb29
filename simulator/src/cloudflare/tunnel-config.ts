/** What Cloudflare checks of a tunnel's configuration: the same as cloudflared does of a file. */
import { Refusal } from './envelope.ts'
import { type Json, objects, string } from './json.ts'

const bad = (reason: string): Refusal =>
  new Refusal(400, 1056, `Bad Configuration: Validation failed: ${reason}`)

const SERVICE = /^(https?|tcp|ssh|rdp|smb|unix|unix\+tls|bastion):|^hello[-_]world$|^http_status:[1-5]\d\d$/

/** @throws Refusal 1056 */
export function checkConfig(config: Json): void {
  const { ingress } = config
  if (!Array.isArray(ingress) || ingress.length === 0)
    throw bad("The config file doesn't contain any ingress rules")
  const rules = objects(ingress)
  if (rules.length !== ingress.length) throw bad('an ingress rule has to be an object')
  for (const [index, rule] of rules.entries()) {
    const hostname = string(rule.hostname)
    const last = index === rules.length - 1
    const all = (hostname === '' || hostname === '*') && string(rule.path) === ''
    if (last && !all)
      throw bad(
        'The last ingress rule must match all URLs (i.e. it should not have a hostname or path filter)',
      )
    if (!last && all)
      throw bad(
        `Rule #${index + 1} is matching the hostname '${hostname}', but this will match every hostname, meaning the rules which follow it will never be triggered.`,
      )
    if (hostname.lastIndexOf('*') > 0)
      throw bad(
        'Hostname patterns can have at most one wildcard character ("*") and it can only be used for subdomains, e.g. "*.example.com"',
      )
    if (/:\d+$/.test(hostname)) throw bad('Hostname cannot contain a port')
    if (!SERVICE.test(string(rule.service)))
      throw bad(
        `The service "${string(rule.service)}" must have a scheme and a hostname, like https://localhost:8080`,
      )
  }
}

/** By this rule, or another: `hostname path`. */
export const keyOf = (rule: Json): string => `${string(rule.hostname).toLowerCase()} ${string(rule.path)}`

const fits = (pattern: string, hostname: string): boolean =>
  pattern === '' ||
  pattern === '*' ||
  pattern === hostname ||
  (pattern.startsWith('*.') && hostname.endsWith(pattern.slice(1)))

/** The first rule that fits, as cloudflared chooses. */
export const ruleFor = (config: Json | null, hostname: string, path: string): Json | undefined =>
  objects(config?.ingress).find(
    (rule) =>
      fits(string(rule.hostname).toLowerCase(), hostname) &&
      (string(rule.path) === '' || new RegExp(string(rule.path)).test(path)),
  )
