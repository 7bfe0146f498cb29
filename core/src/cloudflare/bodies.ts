/** The API's forms and ours. */
import { HomelabError } from '../errors.ts'
import {
  type AppBody,
  type Configuration,
  type ConnectorBody,
  type RecordBody,
  Rules,
  type TunnelBody,
} from './schemas.ts'
import type {
  AccessApp,
  AccessAppWrite,
  AccessPolicy,
  AccessRule,
  Connector,
  DnsRecord,
  RawObject,
  Tunnel,
  TunnelConfiguration,
} from './types.ts'

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** Leaves out what Cloudflare gives as null or not at all. */
const given = <Key extends string, Value>(key: Key, value: Value | null | undefined) =>
  (value === null || value === undefined ? {} : { [key]: value }) as Partial<Record<Key, Value>>

export const toTunnel = (body: TunnelBody): Tunnel => ({
  id: body.id,
  name: body.name,
  status: body.status,
  source: body.config_src ?? (body.remote_config === true ? 'cloudflare' : 'local'),
  createdAt: body.created_at,
  connections: body.connections?.length ?? 0,
})

export function toConnector({ id, version, arch, run_at, config_version, conns }: ConnectorBody): Connector {
  const connections = conns ?? []
  return {
    id,
    version,
    ...given('arch', arch),
    ...given('originIp', connections[0]?.origin_ip),
    ...given('openedAt', run_at),
    ...given('configVersion', config_version),
    connections: connections.map(({ colo_name, opened_at, is_pending_reconnect }) => ({
      colo: colo_name,
      ...given('openedAt', opened_at),
      pendingReconnect: is_pending_reconnect,
    })),
  }
}

/** @throws HomelabError `failed` when its rules are not of the form that is known: writing them back would lose some */
export function toConfiguration({ version, source, config }: Configuration): TunnelConfiguration {
  const raw: RawObject = config ?? {}
  const { data, error } = Rules.safeParse(raw.ingress)
  if (error !== undefined)
    throw new HomelabError('failed', 'The rules of the tunnel have a form that homelab does not know.', {
      hint: 'They stay as they are. Look at them in the dashboard under Networks, Tunnels.',
      data: { issue: error.issues[0]?.message ?? '' },
    })
  return { version, source, raw, rules: data ?? [] }
}

export const toRecord = (zone: string, body: RecordBody): DnsRecord => ({
  id: body.id,
  zone,
  name: body.name,
  type: body.type,
  content: body.content,
  proxied: body.proxied,
  ttl: body.ttl,
  ...given('comment', body.comment === '' ? undefined : body.comment),
  ...given('modifiedAt', body.modified_on),
})

const toPolicy = (raw: RawObject): AccessPolicy => ({
  ...(typeof raw.id === 'string' ? { id: raw.id } : {}),
  name: textOf(raw.name),
  decision: textOf(raw.decision),
  raw,
})

export function toApp(body: AppBody): AccessApp {
  const uris = (body.destinations ?? []).flatMap(({ type, uri }) => (type === 'public' ? [uri] : []))
  const all = [body.domain, ...(body.self_hosted_domains ?? []), ...uris]
  return {
    id: body.id,
    name: body.name,
    domain: body.domain,
    domains: [
      ...new Set(all.filter((domain): domain is string => typeof domain === 'string' && domain !== '')),
    ],
    aud: body.aud,
    type: body.type,
    ...given('tags', body.tags),
    policies: (body.policies ?? []).map(toPolicy),
  }
}

const include = (rule: AccessRule): RawObject =>
  'email' in rule
    ? { email: { email: rule.email } }
    : 'domain' in rule
      ? { email_domain: { domain: rule.domain } }
      : 'group' in rule
        ? { group: { id: rule.group } }
        : { everyone: {} }

/** @throws HomelabError `config` when nobody is allowed: Access would let nobody in, and say so to everybody */
export function appBody({ name, domain, session, allow }: AccessAppWrite): RawObject {
  if (allow.length === 0)
    throw new HomelabError('config', `Nobody would be let in at ${domain}.`, {
      hint: 'Say who: an e-mail address, the domain of one, or a group of Access.',
    })
  return {
    type: 'self_hosted',
    name,
    domain,
    session_duration: session,
    // The launcher is a page of its own that lists what there is.
    app_launcher_visible: false,
    policies: [{ name: `Allow ${domain}`, decision: 'allow', precedence: 1, include: allow.map(include) }],
  }
}
