/** Cloudflare as core sees it, by its API (`/client/v4`): tunnels, their configuration, DNS, Access. Knows nothing of services. */
import type { Json } from '../operation/types.ts'
import type { Secret } from '../secret.ts'

/** `inactive`: never run. `degraded`: connected, but not by all of its connections. */
export type TunnelStatus = 'inactive' | 'degraded' | 'healthy' | 'down'

export interface Tunnel {
  readonly id: string
  readonly name: string
  readonly status: TunnelStatus
  /** Where its rules are: in a `config.yml` beside cloudflared, or at Cloudflare. */
  readonly source: 'local' | 'cloudflare'
  /** ISO 8601. */
  readonly createdAt: string
  /** How many connections its connectors hold; a healthy connector has four. */
  readonly connections: number
}

/** A running cloudflared. */
export interface Connector {
  readonly id: string
  readonly version: string
  readonly arch?: string
  readonly originIp?: string
  /** ISO 8601. */
  readonly openedAt?: string
  /** The version of the configuration that it serves. */
  readonly configVersion?: number
  readonly connections: readonly {
    /** Of Cloudflare's place that it goes to, as `ams01`. */
    readonly colo: string
    readonly openedAt?: string
    readonly pendingReconnect: boolean
  }[]
}

export type RawObject = { readonly [key: string]: Json }

/** As the API has it, every key kept: `hostname?`, `path?`, `service`, `originRequest?`. */
export type IngressRule = RawObject

export interface TunnelConfiguration {
  /** Goes up by one with each write; 0 before the first. */
  readonly version: number
  readonly source: string
  /** The whole `config` object. A PUT replaces it whole: what is not sent back is gone. */
  readonly raw: RawObject
  /** `raw.ingress`; empty when it has none yet. */
  readonly rules: readonly IngressRule[]
}

export interface DnsRecord {
  readonly id: string
  /** The zone's id. */
  readonly zone: string
  readonly name: string
  readonly type: string
  readonly content: string
  readonly proxied: boolean
  /** Seconds; 1: automatic. */
  readonly ttl: number
  readonly comment?: string
  /** ISO 8601. */
  readonly modifiedAt?: string
}

export interface DnsWrite {
  readonly name: string
  readonly type: string
  readonly content: string
  readonly proxied: boolean
  /** At most 100 characters on the Free plan. */
  readonly comment: string
}

export interface DnsFilter {
  /** The whole name. */
  readonly name?: string
  readonly content?: string
}

export interface AccessPolicy {
  readonly id?: string
  readonly name: string
  /** `allow`, `deny`, `bypass`, `non_identity`. */
  readonly decision: string
  readonly raw: Json
}

export interface AccessApp {
  readonly id: string
  readonly name: string
  /** The first, which may have a path: `jellyfin.example.com/admin`. */
  readonly domain: string
  /** All that it covers, the first one too. */
  readonly domains: readonly string[]
  /** What `originRequest.access.audTag` names. */
  readonly aud: string
  /** `self_hosted` and others; only a self-hosted one covers a hostname. */
  readonly type: string
  readonly tags?: readonly string[]
  readonly policies: readonly AccessPolicy[]
}

export type AccessRule =
  | { readonly email: string }
  /** Of an e-mail address. */
  | { readonly domain: string }
  /** The id of an Access group. */
  | { readonly group: string }
  | { readonly everyone: true }

export interface AccessAppWrite {
  readonly name: string
  readonly domain: string
  /** As `24h`. */
  readonly session: string
  readonly allow: readonly AccessRule[]
}

export interface Zone {
  readonly id: string
  readonly name: string
  /** `active`, `pending` … */
  readonly status: string
  /** The account's id. */
  readonly account: string
}

/**
 * Reads are tried once more after a 5xx and a lost answer; a write is sent once and never again.
 * Every call may throw HomelabError: `unauthorised` naming the permission that is missing, `failed` with data `until` while
 * Cloudflare blocks this token for too many calls, `unclear` when a write may have happened, `unreachable`, `not-found`, `conflict`.
 * The number that Cloudflare gave the error is in `data.codes`.
 */
export interface Cloudflare {
  /** Those that are not deleted. */
  tunnels(signal?: AbortSignal): Promise<readonly Tunnel[]>
  /** @throws HomelabError `not-found` */
  tunnel(id: string, signal?: AbortSignal): Promise<Tunnel>
  connectors(tunnel: string, signal?: AbortSignal): Promise<readonly Connector[]>
  configuration(tunnel: string, signal?: AbortSignal): Promise<TunnelConfiguration>
  /** Replaces the whole document. `editIngress` is the way to change a rule. */
  putConfiguration(
    tunnel: string,
    raw: RawObject,
    signal?: AbortSignal,
  ): Promise<{ readonly version: number }>
  /** Those of the account that the token may see. From memory when they were asked for before. */
  zones(signal?: AbortSignal): Promise<readonly Zone[]>
  /**
   * The longest zone that the hostname is in. From memory when it was asked for before.
   * @throws HomelabError `not-found` naming the zones that there are
   */
  zone(hostname: string, signal?: AbortSignal): Promise<Zone>
  /** By pages of the largest size. @param zone its id */
  dnsRecords(zone: string, filter?: DnsFilter, signal?: AbortSignal): Promise<readonly DnsRecord[]>
  /** @throws HomelabError `conflict` when there is a record of that name already (81053, 81057, 81058) */
  createDns(zone: string, record: DnsWrite, signal?: AbortSignal): Promise<DnsRecord>
  updateDns(zone: string, id: string, record: DnsWrite, signal?: AbortSignal): Promise<DnsRecord>
  deleteDns(zone: string, id: string, signal?: AbortSignal): Promise<void>
  accessApps(signal?: AbortSignal): Promise<readonly AccessApp[]>
  /** A self-hosted one with one policy that allows who is named. */
  createAccessApp(app: AccessAppWrite, signal?: AbortSignal): Promise<AccessApp>
  deleteAccessApp(id: string, signal?: AbortSignal): Promise<void>
  /** First label of the login domain, as `originRequest.access.teamName` has it; undefined when Access is not set up. */
  accessTeam(signal?: AbortSignal): Promise<string | undefined>
  /** @param secret base64 of at least 32 bytes. Connectors that run stay connected until they restart or are dropped. */
  setTunnelSecret(tunnel: string, secret: Secret, signal?: AbortSignal): Promise<void>
  /** What `cloudflared tunnel run --token` takes. */
  connectorToken(tunnel: string, signal?: AbortSignal): Promise<Secret>
  /** Of one connector, or of all. They connect again by themselves when their token is still good. */
  dropConnections(tunnel: string, connector?: string, signal?: AbortSignal): Promise<void>
  /** Whether the API token is good; `status` is Cloudflare's word, or why not. */
  verify(signal?: AbortSignal): Promise<{ readonly ok: boolean; readonly status: string }>
}
