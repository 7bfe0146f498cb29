/** The client of Cloudflare's API. Facts: its own reference; what it says when it refuses is in errors.ts. */
import { z } from 'zod'
import { HomelabError } from '../errors.ts'
import { Secret } from '../secret.ts'
import { appBody, toApp, toConfiguration, toConnector, toRecord, toTunnel } from './bodies.ts'
import { type CallOptions, createCaller } from './call.ts'
import { permissions } from './errors.ts'
import {
  AppBody,
  Configuration,
  ConnectorBody,
  OrganizationBody,
  RecordBody,
  TunnelBody,
  VerifyBody,
} from './schemas.ts'
import type { Cloudflare, DnsFilter, DnsWrite } from './types.ts'
import { asciiName, createZones } from './zones.ts'

export interface CloudflareOptions extends CallOptions {
  /** Its id. Undefined: that of the zones which the token may see, when they are all of one account. */
  readonly account?: string
}

/** Rows on a page. The schema allows 5,000,000 records; 5,000 are an answer of about 2 MB. */
const RECORDS = 5000
const ROWS = 100
/** Milliseconds for which the login domain is believed. */
const TEAM_MS = 600_000
/** Of 32 bytes in base64. */
const SECRET_LENGTH = 44

const segment = encodeURIComponent

export function createCloudflare(options: CloudflareOptions): Cloudflare {
  const caller = createCaller(options)
  const { clock } = options
  const zones = createZones(caller, clock, options.account)
  let team: { readonly at: number; readonly name: string | undefined } | undefined

  async function account(signal: AbortSignal | undefined): Promise<string> {
    if (options.account !== undefined) return options.account
    const ids = [...new Set((await zones.all(signal)).map((zone) => zone.account))].filter((id) => id !== '')
    const [only] = ids
    if (only !== undefined && ids.length === 1) return only
    throw new HomelabError(
      'config',
      ids.length === 0
        ? 'The API token sees no zone to tell its account by.'
        : `The API token sees the zones of ${ids.length} accounts.`,
      {
        hint: "Give the account's id: it is in the address of Cloudflare's dashboard.",
        data: { accounts: ids },
      },
    )
  }
  const tunnels = async (signal: AbortSignal | undefined): Promise<string> =>
    `/accounts/${segment(await account(signal))}/cfd_tunnel`
  const access = async (signal: AbortSignal | undefined): Promise<string> =>
    `/accounts/${segment(await account(signal))}/access`
  const records = (zone: string): string => `/zones/${segment(zone)}/dns_records`
  const aRecord = (name: string) => ({ what: `the DNS record ${name}`, permission: permissions.dnsEdit })

  const recordBody = ({ name, type, content, proxied, comment }: DnsWrite) => ({
    name: asciiName(name),
    type,
    content,
    proxied,
    // Automatic: the only one that a proxied record may have.
    ttl: 1,
    comment,
  })

  return {
    async tunnels(signal) {
      const path = `${await tunnels(signal)}?is_deleted=false`
      const call = { path, what: 'the tunnels', permission: permissions.tunnelRead }
      return (await caller.list(TunnelBody, call, ROWS, signal)).map(toTunnel)
    },
    async tunnel(id, signal) {
      const path = `${await tunnels(signal)}/${segment(id)}`
      const call = { path, what: `the tunnel ${id}`, permission: permissions.tunnelRead }
      return toTunnel(await caller.read(TunnelBody, call, signal))
    },
    async connectors(tunnel, signal) {
      const path = `${await tunnels(signal)}/${segment(tunnel)}/connections`
      const call = { path, what: 'the connectors of the tunnel', permission: permissions.tunnelRead }
      return ((await caller.read(ConnectorBody.array().nullish(), call, signal)) ?? []).map(toConnector)
    },
    async configuration(tunnel, signal) {
      const path = `${await tunnels(signal)}/${segment(tunnel)}/configurations`
      const call = { path, what: 'the rules of the tunnel', permission: permissions.tunnelRead }
      return toConfiguration(await caller.read(Configuration, call, signal))
    },
    async putConfiguration(tunnel, raw, signal) {
      const path = `${await tunnels(signal)}/${segment(tunnel)}/configurations`
      const permission = permissions.tunnelEdit
      const call = { method: 'PUT', path, what: 'the rules of the tunnel', permission } as const
      return caller.write(z.object({ version: z.int() }), call, { config: raw }, signal)
    },
    zones: (signal) => zones.all(signal),
    zone: (hostname, signal) => zones.of(hostname, signal),
    async dnsRecords(zone, filter = {}, signal) {
      const call = {
        path: `${records(zone)}${queryOf(filter)}`,
        what: 'the DNS records',
        permission: permissions.dnsRead,
      }
      return (await caller.list(RecordBody, call, RECORDS, signal)).map((body) => toRecord(zone, body))
    },
    async createDns(zone, record, signal) {
      const call = { method: 'POST', path: records(zone), ...aRecord(record.name) } as const
      return toRecord(zone, await caller.write(RecordBody, call, recordBody(record), signal))
    },
    async updateDns(zone, id, record, signal) {
      const path = `${records(zone)}/${segment(id)}`
      const call = { method: 'PATCH', path, ...aRecord(record.name) } as const
      return toRecord(zone, await caller.write(RecordBody, call, recordBody(record), signal))
    },
    async deleteDns(zone, id, signal) {
      const path = `${records(zone)}/${segment(id)}`
      await caller.write(z.unknown(), { method: 'DELETE', path, ...aRecord(id) }, undefined, signal)
    },
    async accessApps(signal) {
      const path = `${await access(signal)}/apps`
      const call = { path, what: 'the Access applications', permission: permissions.appsRead }
      return (await caller.list(AppBody, call, ROWS, signal)).map(toApp)
    },
    async createAccessApp(app, signal) {
      const body = appBody(app)
      const path = `${await access(signal)}/apps`
      const what = `the Access application "${app.name}"`
      const call = { method: 'POST', path, what, permission: permissions.appsEdit } as const
      return toApp(await caller.write(AppBody, call, body, signal))
    },
    async deleteAccessApp(id, signal) {
      const path = `${await access(signal)}/apps/${segment(id)}`
      const what = `the Access application ${id}`
      const call = { method: 'DELETE', path, what, permission: permissions.appsEdit } as const
      await caller.write(z.unknown(), call, undefined, signal)
    },
    async accessTeam(signal) {
      const now = clock.monotonic()
      if (team !== undefined && now - team.at <= TEAM_MS) return team.name
      const path = `${await access(signal)}/organizations`
      const call = { path, what: "Access's organization", permission: permissions.organizationRead }
      try {
        const { auth_domain } = await caller.read(OrganizationBody, call, signal)
        team = { at: now, name: auth_domain?.split('.')[0] || undefined }
      } catch (error) {
        if (!isNotSetUp(error)) throw error
        team = { at: now, name: undefined }
      }
      return team.name
    },
    async setTunnelSecret(tunnel, secret, signal) {
      if (!/^[A-Za-z0-9+/]+={0,2}$/.test(secret.reveal()) || secret.reveal().length < SECRET_LENGTH)
        throw new HomelabError('bug', 'The secret of a tunnel is base64 of at least 32 bytes')
      const path = `${await tunnels(signal)}/${segment(tunnel)}`
      const what = 'the secret of the tunnel'
      const call = { method: 'PATCH', path, what, permission: permissions.tunnelEdit } as const
      await caller.write(z.unknown(), call, { tunnel_secret: secret.reveal() }, signal)
    },
    async connectorToken(tunnel, signal) {
      const path = `${await tunnels(signal)}/${segment(tunnel)}/token`
      const call = { path, what: 'the token of the connector', permission: permissions.tunnelEdit }
      return new Secret(await caller.read(z.string(), call, signal))
    },
    async dropConnections(tunnel, connector, signal) {
      const query = connector === undefined ? '' : `?client_id=${segment(connector)}`
      const path = `${await tunnels(signal)}/${segment(tunnel)}/connections${query}`
      const what = 'the connections of the tunnel'
      const call = { method: 'DELETE', path, what, permission: permissions.tunnelEdit } as const
      await caller.write(z.unknown(), call, undefined, signal)
    },
    async verify(signal) {
      // A token that belongs to the account is unknown to the first, and one that belongs to a user to the second.
      const paths = [
        '/user/tokens/verify',
        ...(options.account === undefined ? [] : [`/accounts/${segment(options.account)}/tokens/verify`]),
      ]
      let reason = ''
      for (const path of paths) {
        try {
          const { status } = await caller.read(VerifyBody, { path, what: 'the API token' }, signal)
          return { ok: status === 'active', status }
        } catch (error) {
          if (!(error instanceof HomelabError) || error.code !== 'unauthorised') throw error
          reason = error.message
        }
      }
      return { ok: false, status: reason }
    },
  }
}

function queryOf({ name, content }: DnsFilter): string {
  const parts = [
    ...(name === undefined ? [] : [`name.exact=${segment(asciiName(name))}`]),
    ...(content === undefined ? [] : [`content.exact=${segment(content)}`]),
  ]
  return parts.length === 0 ? '' : `?${parts.join('&')}`
}

/** An account that never opened Zero Trust has no organization. */
const isNotSetUp = (error: unknown): boolean =>
  error instanceof HomelabError &&
  (error.code === 'not-found' || /not_enabled/.test(String(error.data?.text ?? '')))
