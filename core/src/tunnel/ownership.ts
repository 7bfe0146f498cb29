/** By what homelab knows again what it has made at Cloudflare and in Traefik. What has no such mark is never touched. Pure. */
import { isObject } from '../cloudflare/index.ts'
import type { AccessApp, DnsRecord, IngressRule, RawObject } from '../cloudflare/types.ts'

const sign = 'homelab: '

/** What the comment of a record says. */
export interface DnsMark {
  readonly service: string
  /** Reachable without Access, and meant so. */
  readonly open?: boolean
  /** ISO 8601, to the minute: it is taken back then. */
  readonly until?: string
}

/**
 * `homelab: jellyfin open until 2026-11-26T10:00Z`: within the 100 characters that the Free plan allows. For the longest
 * names the end is written in fewer characters: nothing of what it says is left out.
 */
export function dnsComment({ service, open, until }: DnsMark): string {
  const start = `${sign}${service}${open === true ? ' open' : ''}`
  if (until === undefined) return start
  const whole = `${start} until ${until}`
  return whole.length <= LONGEST_COMMENT ? whole : `${start} until ${until.replace(/[-:]/g, '')}`
}
const LONGEST_COMMENT = 100

/** What somebody wrote behind it counts for nothing. undefined: it is not ours. */
export function readMark({ comment }: Pick<DnsRecord, 'comment'>): DnsMark | undefined {
  const match = /^homelab: (\S+)( open)?(?: until (\d{4})-?(\d\d)-?(\d\d)T(\d\d):?(\d\d)Z)?(?:\W.*)?$/s.exec(
    comment ?? '',
  )
  const [, service, open, year, month, day, hour, minute] = match ?? []
  if (service === undefined) return undefined
  return {
    service,
    ...(open === undefined ? {} : { open: true }),
    ...(year === undefined ? {} : { until: `${year}-${month}-${day}T${hour}:${minute}Z` }),
  }
}

/** To the minute, not before: `2026-11-26T10:00Z`. */
export const untilText = (at: Date): string =>
  `${new Date(Math.ceil(at.getTime() / 60_000) * 60_000).toISOString().slice(0, 16)}Z`

/** @param domain `vault.example.com`, or with a path */
export const accessName = (domain: string): string => `${sign}${domain}`

export const isOurApp = (app: AccessApp): boolean => app.name.startsWith(sign)

/** As Traefik's names are checked: `homelab-` and 92 characters. */
const LONGEST_ROUTE = 92

/**
 * Of router, service and file. A service under another name than its own has another route.
 * @param usual the name that the file or the domain gives it
 */
export function routeName(service: string, hostname: string, usual: string | undefined): string {
  const plain = (text: string) =>
    text
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-|-$/g, '')
  const name = hostname === usual ? plain(service) : `${plain(service)}-${plain(hostname)}`
  if (name.length <= LONGEST_ROUTE) return `homelab-${name}`
  const tail = checksum(`${service} ${hostname}`)
  return `homelab-${name.slice(0, LONGEST_ROUTE - tail.length - 1).replace(/-$/, '')}-${tail}`
}

/** FNV-1a, to tell long names apart that begin alike. */
function checksum(text: string): string {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return (hash >>> 0).toString(36)
}

/** Where a record has to lead. */
export const tunnelTarget = (tunnel: string): string => `${tunnel.toLowerCase()}.cfargotunnel.com`

/** The tunnel that a record leads to; undefined for any other. */
export const tunnelOfRecord = ({ type, content }: Pick<DnsRecord, 'type' | 'content'>): string | undefined =>
  type === 'CNAME' ? /^([0-9a-f-]{36})\.cfargotunnel\.com\.?$/i.exec(content)?.[1]?.toLowerCase() : undefined

/** Whether there can be no CNAME of ours beside it. */
export const takesName = ({ type }: Pick<DnsRecord, 'type'>): boolean =>
  type === 'A' || type === 'AAAA' || type === 'CNAME'

/** `A 203.0.113.7 ("the old server")`: for people. */
export const recordText = ({ type, content, comment }: DnsRecord): string =>
  `${type} ${content}${comment === undefined || comment === '' ? '' : ` ("${comment}")`}`

export const hostOfRule = (rule: IngressRule): string | undefined =>
  typeof rule.hostname === 'string' && rule.hostname !== '' ? rule.hostname.toLowerCase() : undefined

export const serviceOfRule = (rule: IngressRule): string =>
  typeof rule.service === 'string' ? rule.service : ''

const hasPath = ({ path }: IngressRule): boolean => typeof path === 'string' && path !== ''

/** The rule of this very host name for all of its paths. */
export const wholeRule = (rules: readonly IngressRule[], hostname: string): IngressRule | undefined =>
  rules.find((rule) => hostOfRule(rule) === hostname && !hasPath(rule))

const originOf = (rule: IngressRule): RawObject => (isObject(rule.originRequest) ? rule.originRequest : {})

/** What cloudflared itself asks of a request. */
export interface Enforced {
  readonly teamName: string
  readonly audTag: readonly string[]
}

export function enforcedBy(rule: IngressRule): Enforced | undefined {
  const { access } = originOf(rule)
  if (!isObject(access) || access.required !== true || typeof access.teamName !== 'string') return undefined
  const tags = Array.isArray(access.audTag) ? access.audTag : []
  return { teamName: access.teamName, audTag: tags.filter((tag) => typeof tag === 'string') }
}

/** The rule as it should be; every key of the one before that is not about this stays. */
export function ruleFor(
  hostname: string,
  service: string,
  enforced: Enforced | undefined,
  before: IngressRule | undefined,
): IngressRule {
  const { access: _, ...others } = originOf(before ?? {})
  const access =
    enforced === undefined
      ? {}
      : { access: { required: true, teamName: enforced.teamName, audTag: [...enforced.audTag] } }
  const originRequest = { ...others, ...access }
  const { originRequest: __, ...kept } = before ?? {}
  return {
    ...kept,
    hostname,
    service,
    // An empty one that is there says nothing, and is left as it is.
    ...(Object.keys(originRequest).length === 0 && before?.originRequest === undefined
      ? {}
      : { originRequest }),
  }
}
