/** The network part of homelab.yaml: the domain, the Cloudflare tunnel, Traefik, Access, and what is reachable. */
import { z } from 'zod'
import { parseDuration } from '../duration.ts'
import { AbsolutePath, Address, Hostname, Name, NodeName, oneOrMore, SecretRef } from './fields.ts'

const url = 'must be an http or https URL, such as http://192.168.1.101:80'
const Url = z
  .string(url)
  .regex(/^https?:\/\/[^\s?#@]+$/, url)
  .refine((text) => URL.canParse(text), url)
  .transform((text) => text.replace(/\/+$/, ''))
/** An address without a path: what a request's own path is put behind. */
const Origin = z
  .string(url)
  .regex(/^https?:\/\/[^\s/?#@]+\/?$/, `${url}, without a path`)
  .refine((text) => URL.canParse(text), url)
  .transform((text) => text.replace(/\/+$/, ''))

const Tunnel = z
  .strictObject({
    name: z.string().optional(),
    id: z.guid('must be the id of a tunnel, such as 6ff42ae2-765d-4adf-8112-31c55c1551ef').optional(),
    account: z
      .string()
      .regex(/^[0-9a-f]{32}$/, 'must be an account id: 32 hex digits, in the address of the dashboard')
      .optional()
      .describe('Cloudflare account id'),
    token: SecretRef.optional().describe('Cloudflare API token'),
    service: oneOrMore(Name)
      .optional()
      .describe('Whose guest runs the connector; several when it has replicas. Default: cloudflared'),
    config: AbsolutePath.optional().describe('Path of config.yml, only for a locally managed tunnel'),
    node: NodeName.optional().describe('The connector runs on this node itself, not in a container'),
    origin: Origin.optional().describe('What its rules point to; default: port 80 of Traefik'),
    metrics: Url.optional().describe("Where cloudflared's metrics are, for its /ready"),
    api: Url.default('https://api.cloudflare.com/client/v4').describe('Address of the Cloudflare API'),
    edge: Origin.optional().describe(
      'Where to ask for a host name from outside; default: the host name itself, by https',
    ),
  })
  .describe('The Cloudflare tunnel')

const Traefik = z
  .strictObject({
    service: Name.default('traefik').describe('Whose guest it runs on'),
    node: NodeName.optional().describe('It runs on this node itself, not in a container'),
    provider: z
      .enum(['file', 'http'], 'must be file (a directory that it reads) or http (it asks the bot)')
      .default('file')
      .describe('How it learns of routes'),
    listen: z
      .strictObject({ host: Address, port: z.int().min(1).max(65_535) })
      .optional()
      .describe("Where it asks for routes, of provider http; default: on the console's address"),
    directory: AbsolutePath.default('/etc/traefik/conf.d').describe('That its file provider reads'),
    api: Url.optional().describe('Its API; default: port 8080 at the address of its service'),
    entry_points: z
      .array(z.string().regex(/^[A-Za-z0-9_-]+$/, 'must be the name of an entry point, such as web'))
      .default(['web'])
      .describe('Of the routes that are made'),
    middlewares: z
      .array(z.string().regex(/^[A-Za-z0-9_.@-]+$/, 'must be a middleware, such as auth@file'))
      .default([])
      .describe('Of the routes that are made'),
    probe: Origin.optional().describe('Where a route is tried in the lab; default: port 80 of its guest'),
  })
  .describe('The reverse proxy behind the tunnel')

const email = z.string().regex(/^[^\s@]+@[^\s@]+\.[^\s@]+$/, 'must be an e-mail address')
const Allowed = z.union(
  [
    z.strictObject({ email }),
    z.strictObject({ domain: Hostname }),
    z.strictObject({ group: z.string().min(1).describe('Id of an Access group') }),
  ],
  { error: 'must be {email: …}, {domain: …} (of e-mail addresses) or {group: …} (id of an Access group)' },
)
const session = 'must be a duration, such as 24h'
const Access = z
  .strictObject({
    allow: z
      .array(Allowed)
      .default([])
      .describe('Who may log in to what is not public. Without anybody nothing can be put behind Access'),
    session: z
      .string(session)
      .refine((text) => parseDuration(text) !== undefined && /^(\d+h)?(\d+m)?$/.test(text), session)
      .default('24h')
      .describe('How long a login lasts'),
    team: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]*$/, 'must be the first label of your login page, TEAM.cloudflareaccess.com')
      .optional()
      .describe('Name of the Zero Trust organisation; default: asked for'),
    enforce: z
      .boolean()
      .default(true)
      .describe('cloudflared itself refuses requests without a login too (originRequest.access)'),
  })
  .describe('Cloudflare Access')

const Route = z.union([
  Name,
  NodeName,
  z.strictObject({ service: Name, public: z.boolean().default(false).describe('Reachable without Access') }),
])

export const Network = z
  .strictObject({
    domain: Hostname.optional(),
    tunnel: Tunnel.optional(),
    traefik: Traefik.optional(),
    access: Access.optional(),
    routes: z.record(Hostname, Route).optional().describe('Host name to service'),
  })
  .refine(({ tunnel }) => tunnel?.node === undefined || tunnel.service === undefined, {
    error: 'a connector runs on a node or in containers: give "node" or "service"',
    path: ['tunnel', 'node'],
  })
type Written = z.output<typeof Network>

export interface RouteEntry {
  readonly hostname: string
  readonly service: string
  readonly public: boolean
}

export type TunnelSettings = Readonly<z.output<typeof Tunnel>>
export type TraefikSettings = Readonly<z.output<typeof Traefik>>
export type AccessSettings = Readonly<z.output<typeof Access>>

export interface NetworkSettings {
  readonly domain?: string
  readonly tunnel?: TunnelSettings
  readonly traefik: TraefikSettings
  readonly access: AccessSettings
  readonly routes: readonly RouteEntry[]
}

export function networkSettings(written: Written | null | undefined): NetworkSettings {
  const { domain, tunnel, traefik, access, routes } = written ?? {}
  return {
    ...(domain === undefined ? {} : { domain }),
    ...(tunnel === undefined ? {} : { tunnel }),
    traefik: traefik ?? Traefik.parse({}),
    access: access ?? Access.parse({}),
    routes: Object.entries(routes ?? {}).map(([hostname, route]) =>
      typeof route === 'string' ? { hostname, service: route, public: false } : { hostname, ...route },
    ),
  }
}
