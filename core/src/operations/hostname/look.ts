/** How things are before a host name is led through a tunnel, and what has to be done. Only reads. */
import { type AccessRule, type Tunnel, unreachable } from '../../cloudflare/index.ts'
import { HomelabError, isHomelabError } from '../../errors.ts'
import { assertRule, guardsFor, isUp, notesOn, recordFor } from '../../tunnel/checks.ts'
import type { Found } from '../../tunnel/find.ts'
import { markOf } from '../../tunnel/marks.ts'
import { dnsComment, wholeRule } from '../../tunnel/ownership.ts'
import { concerns } from '../../tunnel/wanted.ts'
import { tunnelOf } from '../../tunnel/where.ts'
import { hinted } from './inputs.ts'
import type { HostnameServices } from './services.ts'

export interface Wanted {
  readonly hostname: string
  /** Where its rule leads. */
  readonly service: string
  readonly allow: readonly AccessRule[]
  readonly public: boolean
  /** Stands in the comment of its record, as whose it is. */
  readonly label: string
  readonly enforce: boolean
  /** Although no connector runs. */
  readonly down: boolean
}

/** @throws HomelabError why it cannot or should not be done */
export async function lookAt(
  wanted: Wanted,
  { network }: HostnameServices,
  signal: AbortSignal,
): Promise<Found> {
  const { hostname, service, label } = wanted
  const { recent } = network
  const [tunnel, zone] = await Promise.all([tunnelOf(network, signal), recent.zone(hostname, signal)])
  assertTunnel(tunnel, wanted)
  const [{ rules }, records, apps, team] = await Promise.all([
    recent.configuration(tunnel.id, signal),
    recent.dnsRecords(zone.id, { name: hostname }, signal),
    recent.accessApps(signal).catch(unlessPublic(wanted)),
    wanted.public || !wanted.enforce ? undefined : recent.accessTeam(signal).catch(unlessUnauthorised),
  ])
  const before = wholeRule(rules, hostname)
  said('Remove the host name first, or give that service.', () => assertRule(before, service, hostname, {}))
  const record = said(
    `Delete it at Cloudflare, or hand it over: write "homelab: ${label}" as its comment.`,
    () => recordFor(records, hostname, tunnel, false),
  )
  const meaning = {
    ...{ name: label, title: hostname, mark: markOf(label), hostname },
    public: wanted.public,
    guarded: wanted.public ? [] : [hostname],
  }
  const guards = said(
    wanted.public
      ? 'Switch off "Public", or remove the application: that of a host name goes with it.'
      : 'Change its policy at Cloudflare, or switch on "Public".',
    () => guardsFor(meaning, apps ?? []),
  )
  const there = guards[0]?.there ?? null
  if (!wanted.public && there === null && wanted.allow.length === 0)
    throw new HomelabError('usage', `${hostname} would be behind a login, and nobody is let in`, {
      hint: 'Say under "Allow" who may log in, or switch on "Public" to let everybody in without a login.',
    })
  return {
    name: label,
    title: hostname,
    hostname,
    public: wanted.public,
    until: null,
    backend: { url: service, insecure: false },
    zone: { id: zone.id, name: zone.name },
    tunnel: { id: tunnel.id, name: tunnel.name, up: isUp(tunnel) },
    front: { origin: service, probe: service },
    guards,
    team: team ?? null,
    route: { ours: null, before: null, there: true, other: null },
    ruleBefore: before ?? null,
    shadowed: unreachable(rules).some(({ rule }) => rule === before),
    record,
    comment: dnsComment({ service: label, open: wanted.public }),
    outage: null,
    down: null,
    warnings: [
      ...(wanted.public ? concerns(meaning, undefined) : []),
      ...(there !== null && wanted.allow.length > 0
        ? [
            `"${there.name}" stands before ${hostname} already: who may log in is said there, and stays as it is.`,
          ]
        : []),
      ...notesOn({
        ...{ zone, tunnel, hostname, rules, record },
        teamless: !wanted.public && wanted.enforce && team === undefined,
        words: { end: 'removing the host name', team: 'Zero Trust in the dashboard' },
      }),
    ],
  }
}

/** @throws what it throws, with this as the next step */
function said<T>(hint: string, check: () => T): T {
  try {
    return check()
  } catch (error) {
    throw isHomelabError(error) ? hinted(error, hint) : error
  }
}

function assertTunnel(tunnel: Tunnel, { down }: Wanted): void {
  if (tunnel.source === 'local')
    throw new HomelabError(
      'conflict',
      `The rules of the tunnel ${tunnel.name} are in a config.yml beside cloudflared, which a Cloudflare credential does not reach`,
      { hint: 'Use the Homelab node with a bot for it, or move the tunnel to Cloudflare in the dashboard.' },
    )
  if (isUp(tunnel) || down) return
  throw new HomelabError(
    'conflict',
    `The tunnel ${tunnel.name} is ${tunnel.status}: no cloudflared is connected`,
    {
      hint: 'Start cloudflared, or switch on "Although Down".',
    },
  )
}

/** Who opens to everyone needs no permission for Access; who wants a login does. */
const unlessPublic =
  (wanted: Wanted) =>
  (error: unknown): undefined => {
    if (wanted.public) return unlessUnauthorised(error)
    throw error
  }

function unlessUnauthorised(error: unknown): undefined {
  if (isHomelabError(error) && error.code === 'unauthorised') return undefined
  throw error
}
