/** How things are before a host name is led through a tunnel, and what has to be done. Only reads. */
import {
  type AccessApp,
  type AccessRule,
  type Tunnel,
  unreachable,
  type Zone,
} from '../../cloudflare/index.ts'
import { HomelabError, isHomelabError } from '../../errors.ts'
import { isUp } from '../../tunnel/checks.ts'
import { coverageBy, guarding, isOpen } from '../../tunnel/coverage.ts'
import type { Found } from '../../tunnel/find.ts'
import { certified } from '../../tunnel/hostnames.ts'
import { markOf } from '../../tunnel/marks.ts'
import {
  dnsComment,
  readMark,
  recordText,
  serviceOfRule,
  takesName,
  tunnelOfRecord,
  wholeRule,
} from '../../tunnel/ownership.ts'
import { tunnelOf } from '../../tunnel/where.ts'
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
  if (before !== undefined && serviceOfRule(before) !== service)
    throw new HomelabError(
      'conflict',
      `The tunnel has a rule for ${hostname} already, and it leads to ${serviceOfRule(before)}`,
      { hint: 'Remove the host name first, or give that service.', data: { service: serviceOfRule(before) } },
    )
  const record = records.find((each) => takesName(each) && each.name.toLowerCase() === hostname)
  const ours = record !== undefined && readMark(record) !== undefined
  const leads = record?.proxied === true && tunnelOfRecord(record) === tunnel.id.toLowerCase()
  if (record !== undefined && !ours && !leads)
    throw new HomelabError(
      'conflict',
      `${hostname} is taken by a record that is not ours: ${recordText(record)}`,
      {
        hint: `Delete it at Cloudflare, or hand it over: write "homelab: ${label}" as its comment.`,
        data: { id: record.id, type: record.type, content: record.content },
      },
    )
  const app = standing(wanted, apps)
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
    guards: wanted.public
      ? []
      : [
          {
            domain: hostname,
            there: app === undefined ? null : { id: app.id, aud: app.aud, name: app.name },
          },
        ],
    team: team ?? null,
    route: { ours: null, before: null, there: true, other: null },
    ruleBefore: before ?? null,
    shadowed: unreachable(rules).some(({ rule }) => rule === before),
    record:
      record === undefined
        ? null
        : {
            id: record.id,
            ours,
            comment: record.comment ?? null,
            content: record.content,
            proxied: record.proxied,
          },
    comment: dnsComment({ service: label, open: wanted.public }),
    outage: null,
    down: null,
    warnings: warningsOn({ wanted, tunnel, zone, app, kept: record !== undefined && !ours, team }),
  }
}

interface Notes {
  readonly wanted: Wanted
  readonly tunnel: Tunnel
  readonly zone: Zone
  readonly app: AccessApp | undefined
  /** Its record is somebody else's, and does already what is wanted. */
  readonly kept: boolean
  readonly team: string | undefined
}

function warningsOn({ wanted, tunnel, zone, app, kept, team }: Notes): readonly string[] {
  const { hostname } = wanted
  const list = [...openWarnings(wanted)]
  if (app !== undefined && wanted.allow.length > 0)
    list.push(
      `"${app.name}" stands before ${hostname} already: who may log in is said there, and stays as it is.`,
    )
  if (!certified(hostname, zone.name))
    list.push(
      `${hostname} is more than one level below ${zone.name}: Cloudflare's free certificate does not cover it.`,
    )
  if (zone.status !== 'active')
    list.push(`The zone ${zone.name} is ${zone.status}: nobody finds its names yet.`)
  if (!isUp(tunnel)) list.push(`The tunnel ${tunnel.name} is ${tunnel.status}: visitors see error 1033.`)
  if (kept)
    list.push(
      'Its DNS record leads to the tunnel already and is not ours: it stays when the host name is removed.',
    )
  if (!wanted.public && wanted.enforce && team === undefined)
    list.push(
      'The name of the Zero Trust organisation is not known, so cloudflared itself does not ask for the login.',
    )
  return list
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

/** The application that stands before it already. @throws HomelabError when what is there is not what is wanted */
function standing(wanted: Wanted, apps: readonly AccessApp[] = []): AccessApp | undefined {
  const { hostname } = wanted
  const front = coverageBy(apps)(hostname)
  const guard = guarding(front)
  if (wanted.public && guard !== undefined)
    throw new HomelabError('conflict', `${hostname} is behind the Access application "${guard.name}"`, {
      hint: 'Switch off "Public", or remove the application: that of a host name goes with it.',
    })
  if (wanted.public) return undefined
  if (front !== undefined && isOpen(front) && front.domains.includes(hostname))
    throw new HomelabError(
      'conflict',
      `The Access application "${front.name}" of ${hostname} lets everybody in`,
      {
        hint: 'Change its policy at Cloudflare, or switch on "Public".',
      },
    )
  if (guard === undefined && wanted.allow.length === 0)
    throw new HomelabError('usage', `${hostname} would be behind a login, and nobody is let in`, {
      hint: 'Say under "Allow" who may log in, or switch on "Public" to let everybody in without a login.',
    })
  return guard
}

function openWarnings({ public: open, hostname, label }: Wanted): readonly string[] {
  if (!open) return []
  const { private: why } = markOf(label)
  return [
    why === undefined
      ? `Everyone on the internet reaches ${hostname}: only its own login protects it.`
      : `Everyone on the internet reaches ${hostname}, and ${why}.`,
  ]
}
