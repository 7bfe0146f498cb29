/** The comparison as an operation: all of it is read by few calls, lists whole. */

import { z } from 'zod'
import { asciiName, type DnsRecord } from '../../cloudflare/index.ts'
import { HomelabError, isHomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import { severities } from '../../tunnel/drift-row.ts'
import type { Seen } from '../../tunnel/seen.ts'
import { tunnelOf } from '../../tunnel/where.ts'
import { driftOf } from './drift.ts'
import { tunnelInput, wholeName } from './inputs.ts'
import { type HostnameServices, hostnameNeeds, ofTunnel } from './services.ts'

const names = z.array(z.string().min(1).max(300)).max(1000).default([])

export const tunnelDrift = defineOperation({
  id: 'tunnel.drift',
  chat: 'tunnel drift',
  title: 'Find what does not fit together',
  description:
    "The tunnel's rules against DNS, Access, and the host names that are meant: one item for each thing that is wrong, none when all is well",
  risk: 'read',
  permission: 'viewer',
  input: z.object({
    tunnel: tunnelInput,
    public: names.describe('Host names that are meant to be open to everyone, without a login'),
    hostnames: names.describe('All host names that there should be; then others are told of, too'),
    domain: z
      .string()
      .min(1)
      .max(300)
      .optional()
      .describe('A domain to look in even when no rule has a name of it'),
    notes: z.boolean().default(false).describe('Return also what is only worth a note'),
  }),
  output: z.object({
    rows: z.array(
      z.object({
        id: z.string(),
        kind: z.string(),
        /** A host name; else the tunnel, or what could not be looked at. */
        subject: z.string(),
        meant: z.string(),
        there: z.string(),
        severity: z.enum(severities),
        hint: z.string().optional(),
        tunnel: z.string(),
      }),
    ),
  }),
  needs: hostnameNeeds,
  async run({ tunnel, notes, domain, ...lists }, services, { signal }) {
    const meant = {
      hostnames: new Set(lists.hostnames.map(wholeName)),
      public: new Set(lists.public.map(wholeName)),
    }
    const more = [...meant.hostnames, ...meant.public, ...(domain === undefined ? [] : [wholeName(domain)])]
    const seen = await look(ofTunnel(services, { tunnel }), more, signal)
    const rows = driftOf(seen, meant)
      .filter(({ severity }) => notes || severity !== 'note')
      .map(({ fix: _, ...each }) => ({ ...each, tunnel: seen.tunnel.name }))
    return { rows }
  },
  card: ({ rows }) => ({
    title: rows.length === 0 ? 'All fits together' : `${rows.length} things are not as meant`,
    tone: rows.length === 0 ? 'ok' : 'warning',
  }),
})

async function look(
  { network, clock }: HostnameServices,
  more: readonly string[],
  signal: AbortSignal,
): Promise<Seen> {
  const { cloudflare, recent } = network
  const named = await tunnelOf(network, signal)
  const unseen: { what: string; why: string }[] = []
  const unless = (code: HomelabError['code'], what: string) => (error: unknown) => {
    if (!isHomelabError(error) || error.code !== code) throw error
    unseen.push({ what, why: error.message })
    return undefined
  }
  const [tunnel, tunnels, { rules }, apps] = await Promise.all([
    cloudflare.tunnel(named.id, signal),
    cloudflare.tunnels(signal),
    cloudflare.configuration(named.id, signal),
    cloudflare.accessApps(signal).catch(unless('unauthorised', 'Access')),
  ])
  if (tunnel.source === 'local')
    throw new HomelabError(
      'conflict',
      `The rules of the tunnel ${tunnel.name} are in a config.yml beside cloudflared`,
      {
        hint: 'A Cloudflare credential does not reach it: use the Homelab node with a bot.',
      },
    )
  const hosts = rules.flatMap(({ hostname }) => (typeof hostname === 'string' ? [hostname] : []))
  const zones = new Set<string>()
  // One after the other: the first asks for all zones, and the others have them from memory.
  for (const name of [...hosts, ...more].map((each) => asciiName(each).replace(/^\*\./, ''))) {
    if (name === '' || name === '*') continue
    const zone = await recent.zone(name, signal).catch(unless('not-found', name))
    if (zone !== undefined) zones.add(zone.id)
  }
  const lists = await Promise.all([...zones].map((zone) => cloudflare.dnsRecords(zone, {}, signal)))
  return {
    now: clock.now(),
    settings: network.settings(),
    services: [],
    tunnel,
    tunnels,
    origin: '',
    rules,
    records: lists.flat() satisfies readonly DnsRecord[],
    ...(apps === undefined ? {} : { apps }),
    backends: new Map(),
    unseen,
  }
}
