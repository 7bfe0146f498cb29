/** One account with its zones, tunnels, Access applications and API tokens. */
import type { Sim } from '../sim.ts'
import type { Json } from './json.ts'

export interface DnsRecord {
  readonly id: string
  name: string
  type: string
  content: string
  proxied: boolean
  ttl: number
  comment: string | null
  readonly createdOn: string
  modifiedOn: string
}

export interface Zone {
  readonly id: string
  readonly name: string
  readonly account: string
  status: string
  readonly records: Map<string, DnsRecord>
}

export interface Tunnel {
  readonly id: string
  readonly name: string
  readonly createdAt: string
  source: 'local' | 'cloudflare'
  /** Base64. */
  secret: string
  version: number
  config: Json | null
  configuredAt: string
  /** Something was connected at some time. */
  everRan: boolean
}

export interface App {
  readonly id: string
  readonly body: Json
}

export interface Token {
  readonly value: string
  readonly id: string
  /** A user's token and one that belongs to the account are checked at different places. */
  readonly kind: 'user' | 'account'
  readonly permissions: readonly string[]
  /** Names; undefined: all. */
  readonly zones: readonly string[] | undefined
  readonly status: 'active' | 'disabled' | 'expired'
}

export const ALL = [
  'Account · Cloudflare Tunnel · Edit',
  'Account · Access: Apps and Policies · Edit',
  'Account · Access: Organizations, Identity Providers, and Groups · Read',
  'Zone · Zone · Read',
  'Zone · DNS · Edit',
] as const

/** Of homelab.md: hostname's first label, and the service. */
const routes: readonly (readonly [string, string])[] = [
  ['plex', 'plex'],
  ['jellyfin', 'jellyfin'],
  ['immich', 'immich'],
  ['nextcloud', 'nextcloud'],
  ['n8n', 'n8n'],
  ['grafana', 'grafana'],
  ['vault', 'vaultwarden'],
]
/** Those behind a login. */
const guarded = ['n8n', 'grafana']

const DOMAIN = 'harmeetrai.com'
const TRAEFIK = 'http://192.168.1.101:80'

export class World {
  /** The id of the account. */
  readonly account: string
  readonly domain = DOMAIN
  /** First label of the login domain; undefined: Zero Trust was never opened. */
  team: string | undefined
  zones: Zone[] = []
  tunnels: Tunnel[] = []
  apps: App[] = []
  tokens: Token[] = []
  readonly #sim: Sim
  #made = 0

  constructor(sim: Sim) {
    this.#sim = sim
    this.account = sim.random.bytes('cloudflare account').toString('hex').slice(0, 32)
    this.reset()
  }

  now(): string {
    return new Date(this.#sim.clock.now()).toISOString()
  }

  /** 32 hexadecimal digits. */
  id(kind: string): string {
    this.#made += 1
    return this.#sim.random.bytes(`cloudflare ${kind} ${this.#made}`).toString('hex').slice(0, 32)
  }

  uuid(kind: string): string {
    this.#made += 1
    return this.#sim.random.uuid(`cloudflare ${kind} ${this.#made}`)
  }

  secret(name: string): string {
    return this.#sim.random.bytes(`cloudflare secret ${name}`).toString('base64')
  }

  /** As at the start: the seven hostnames of homelab.md, two of them behind Access. The ids are the same again. */
  reset(): void {
    this.#made = 0
    this.team = 'homelab-simulated'
    this.zones = []
    this.apps = []
    this.tokens = []
    const zone = this.addZone(DOMAIN)
    const hostname = (label: string): string => `${label}.${DOMAIN}`
    const ingress = [
      ...routes.map(([label]) => ({ hostname: hostname(label), service: TRAEFIK, originRequest: {} })),
      { service: 'http_status:404' },
    ]
    this.tunnels = []
    const tunnel = this.addTunnel('homelab', { ingress, 'warp-routing': { enabled: false } })
    for (const [label, service] of routes)
      this.addRecord(zone, {
        name: hostname(label),
        type: 'CNAME',
        content: `${tunnel.id}.cfargotunnel.com`,
        proxied: true,
        comment: `homelab: ${service}`,
      })
    for (const label of guarded) this.addApp(appOf(hostname(label)))
    this.addToken({})
  }

  addZone(name: string, account = this.account): Zone {
    const zone = { id: this.id('zone'), name, account, status: 'active', records: new Map() }
    this.zones.push(zone)
    return zone
  }

  addTunnel(name: string, config: Json | null, source: Tunnel['source'] = 'cloudflare'): Tunnel {
    const tunnel = {
      id: this.uuid('tunnel'),
      name,
      createdAt: this.now(),
      source,
      secret: this.secret(`first of ${name}`),
      version: config === null ? 0 : 1,
      config,
      configuredAt: this.now(),
      everRan: false,
    }
    this.tunnels.push(tunnel)
    return tunnel
  }

  addRecord(
    zone: Zone,
    given: Pick<DnsRecord, 'name' | 'type' | 'content' | 'proxied'> &
      Partial<Pick<DnsRecord, 'ttl' | 'comment'>>,
  ): DnsRecord {
    const now = this.now()
    const ttl = given.proxied ? 1 : (given.ttl ?? 1)
    const comment = given.comment ?? null
    const record = { ...given, id: this.id('record'), ttl, comment, createdOn: now, modifiedOn: now }
    zone.records.set(record.id, record)
    return record
  }

  addApp(body: Json): App {
    const id = this.uuid('app')
    const policies = (Array.isArray(body.policies) ? body.policies : []).map((policy: object, index) => ({
      id: this.uuid('policy'),
      precedence: index + 1,
      exclude: [],
      require: [],
      ...policy,
    }))
    const domain = String(body.domain)
    const app = {
      id,
      body: {
        self_hosted_domains: [domain],
        destinations: [{ type: 'public', uri: domain }],
        tags: [],
        ...body,
        id,
        uid: id,
        aud: this.id('aud') + this.id('aud'),
        policies,
        created_at: this.now(),
        updated_at: this.now(),
      },
    }
    this.apps.push(app)
    return app
  }

  addToken(given: Partial<Token>): Token {
    const token: Token = {
      value: this.secret(`token ${this.tokens.length}`)
        .replace(/[^A-Za-z0-9]/g, '_')
        .slice(0, 40),
      id: this.id('token'),
      kind: 'user',
      permissions: ALL,
      zones: undefined,
      status: 'active',
      ...given,
    }
    this.tokens.push(token)
    return token
  }

  tunnel(id: string): Tunnel | undefined {
    return this.tunnels.find((tunnel) => tunnel.id === id)
  }

  /** The longest zone that the name is in. */
  zoneOf(hostname: string): Zone | undefined {
    return this.zones
      .filter(({ name }) => hostname === name || hostname.endsWith(`.${name}`))
      .toSorted((a, b) => b.name.length - a.name.length)[0]
  }
}

/** As homelab itself makes one. */
function appOf(domain: string): Json {
  return {
    type: 'self_hosted',
    name: `homelab: ${domain}`,
    domain,
    session_duration: '24h',
    policies: [
      { name: `Allow ${domain}`, decision: 'allow', include: [{ email: { email: 'owner@example.com' } }] },
    ],
  }
}
