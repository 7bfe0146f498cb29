/** What is in the way of an exposure, and what has to be said before it. Pure, over what was read. */
import type { AccessApp, DnsRecord, IngressRule, Tunnel, Zone } from '../cloudflare/types.ts'
import { HomelabError } from '../errors.ts'
import type { NetworkSettings } from '../inventory/network-schema.ts'
import { coverageBy, guarding, isOpen } from './coverage.ts'
import { certified, covers, isWildcard } from './hostnames.ts'
import {
  hostOfRule,
  isOurApp,
  readMark,
  recordText,
  serviceOfRule,
  takesName,
  tunnelOfRecord,
  tunnelTarget,
  wholeRule,
} from './ownership.ts'
import type { Meaning, Wanted } from './wanted.ts'

export const isUp = ({ status }: Tunnel): boolean => status === 'healthy' || status === 'degraded'

/** @throws HomelabError `conflict`, `config` */
export function assertTunnel(tunnel: Tunnel, settings: NetworkSettings, { down, service }: Wanted): void {
  const file = settings.tunnel?.config
  if (tunnel.source === 'local' && file === undefined)
    throw new HomelabError(
      'config',
      `The rules of the tunnel ${tunnel.name} are in a config.yml beside cloudflared.`,
      {
        hint: 'Give its path as `network.tunnel.config` in homelab.yaml.',
      },
    )
  if (tunnel.source === 'cloudflare' && file !== undefined)
    throw new HomelabError(
      'config',
      `The rules of the tunnel ${tunnel.name} are at Cloudflare: ${file} counts for nothing.`,
      {
        hint: 'Take `network.tunnel.config` out of homelab.yaml.',
      },
    )
  if (isUp(tunnel) || down) return
  throw new HomelabError(
    'conflict',
    tunnel.status === 'inactive'
      ? `The tunnel ${tunnel.name} has never been connected.`
      : `The tunnel ${tunnel.name} is down: no cloudflared is connected.`,
    { hint: `\`tunnel status\`, \`logs cloudflared\`. To expose ${service} all the same: \`down:true\`.` },
  )
}

/** What is known of the record; null: there is none. */
export interface FoundRecord {
  readonly id: string
  readonly ours: boolean
  readonly comment: string | null
  readonly type: string
  readonly content: string
  readonly proxied: boolean
}

/** @throws HomelabError `conflict` for a name that is in somebody else's use, naming the record */
export function recordFor(
  records: readonly DnsRecord[],
  hostname: string,
  tunnel: Tunnel,
  marked: boolean,
): FoundRecord | null {
  const [record] = records.filter((each) => each.name.toLowerCase() === hostname && takesName(each))
  if (record === undefined) return null
  const ours = readMark(record) !== undefined
  const here = tunnelOfRecord(record) === tunnel.id.toLowerCase()
  if (!ours && (!here || !record.proxied))
    throw new HomelabError(
      'conflict',
      `${hostname} is taken by a record that is not ours: ${recordText(record)}.`,
      {
        hint: 'Delete it at Cloudflare, hand it over by writing `homelab: SERVICE` as its comment, or give another `hostname`.',
        data: { id: record.id, type: record.type, content: record.content },
      },
    )
  if (!ours && marked)
    throw new HomelabError(
      'conflict',
      `${hostname} has a record that is not ours, so it cannot be taken back by itself.`,
      {
        hint: 'Leave `for` out, or hand the record over by writing `homelab: SERVICE` as its comment.',
      },
    )
  return {
    id: record.id,
    ours,
    comment: record.comment ?? null,
    type: record.type,
    content: record.content,
    proxied: record.proxied,
  }
}

/** Whether a record does what is wanted. */
export const leadsTo = (record: FoundRecord, tunnel: string): boolean =>
  record.proxied && record.content.toLowerCase().replace(/\.$/, '') === tunnelTarget(tunnel)

/** @throws HomelabError `conflict` when the tunnel sends the name elsewhere */
export function assertRule(
  rule: IngressRule | undefined,
  origin: string,
  hostname: string,
  { repair }: Pick<Wanted, 'repair'>,
): void {
  if (rule === undefined || repair === true) return
  const service = serviceOfRule(rule)
  if (sameOrigin(service, origin)) return
  throw new HomelabError(
    'conflict',
    `The tunnel has a rule for ${hostname} already, and it leads to ${service}.`,
    {
      hint: '`tunnel unexpose` cannot take it either: it is not ours. Remove it at Cloudflare, or give another `hostname`.',
      data: { service },
    },
  )
}

export function sameOrigin(a: string, b: string): boolean {
  const plain = (text: string) => (URL.canParse(text) ? new URL(text).href : text)
  return plain(a) === plain(b)
}

/** What knows the rules of exactly this host name, for all of its paths, that lead to a service; others may have made more of them. */
export const isRuleTo =
  (hostname: string, service: string) =>
  (rule: IngressRule): boolean =>
    wholeRule([rule], hostname) !== undefined && sameOrigin(serviceOfRule(rule), service)

export interface Guard {
  /** A host name, or with a path. */
  readonly domain: string
  /** The application that stands there already; null: one is made. */
  readonly there: { readonly id: string; readonly aud: string; readonly name: string } | null
}

/** @throws HomelabError `conflict` when it should be open and an application stands before it */
export function guardsFor(
  meaning: Pick<Meaning, 'public' | 'hostname' | 'name' | 'guarded'>,
  apps: readonly AccessApp[],
): readonly Guard[] {
  const { hostname, name } = meaning
  const coverage = coverageBy(apps)
  const front = coverage(hostname)
  if (meaning.public && front !== undefined && !isOpen(front))
    throw new HomelabError('conflict', `${hostname} is behind the Access application "${front.name}".`, {
      hint: isOurApp(front)
        ? `\`tunnel unexpose ${name}\` first, then \`tunnel expose ${name} public:true\`.`
        : 'It is not ours: change it at Cloudflare, or expose it behind Access with `public:false`.',
    })
  if (!meaning.public && front !== undefined && isOpen(front) && front.domains.includes(hostname))
    throw new HomelabError(
      'conflict',
      `The Access application "${front.name}" of ${hostname} lets everybody in (bypass).`,
      {
        hint: 'Change its policy at Cloudflare, or expose it with `public:true`.',
      },
    )
  return meaning.guarded.map((domain) => {
    const app = guarding(coverage(domain))
    return { domain, there: app === undefined ? null : { id: app.id, aud: app.aud, name: app.name } }
  })
}

export interface Notes {
  readonly zone: Zone
  readonly tunnel: Tunnel
  readonly hostname: string
  readonly rules: readonly IngressRule[]
  readonly record: FoundRecord | null
  /** cloudflared itself is to ask for the login, and does not know whose. */
  readonly teamless: boolean
  /** What ends it, and what gives the name of the organisation: for people. */
  readonly words: { readonly end: string; readonly team: string }
}

export function notesOn(notes: Notes): readonly string[] {
  const { zone, tunnel, hostname, rules, record, teamless, words } = notes
  const list: string[] = []
  if (!certified(hostname, zone.name))
    list.push(
      `${hostname} is more than one level below ${zone.name}: Cloudflare's free certificate does not cover it, and browsers refuse it.`,
    )
  if (zone.status !== 'active')
    list.push(
      `The zone ${zone.name} is ${zone.status} at Cloudflare: nobody finds its names until it is active.`,
    )
  if (!isUp(tunnel))
    list.push(`The tunnel ${tunnel.name} is ${tunnel.status}: visitors see error 1033 until it is connected.`)
  const wild = rules
    .map(hostOfRule)
    .find((host) => host !== undefined && isWildcard(host) && covers(host, hostname))
  if (wild !== undefined)
    list.push(`The tunnel has a rule for ${wild}, which covers this name too: ours goes before it.`)
  if (record !== null && !record.ours)
    list.push(
      `The DNS record leads to the tunnel already and is not ours: it stays as it is, and ${words.end} will not take it.`,
    )
  if (teamless)
    list.push(
      `The name of the Zero Trust organisation is not known, so cloudflared itself does not ask for the login. ${words.team} gives it.`,
    )
  return list
}
