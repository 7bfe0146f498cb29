/** Exposing a service: its plan, and the run that does it whole or not at all. */
import { HomelabError } from '../errors.ts'
import type { Plan, Verbs } from '../operation/types.ts'
import { type Found, findExposure } from './find.ts'
import { ingressOf } from './ingress.ts'
import { askOutside, askRoute, askUntil, type Probed } from './probe.ts'
import { guard, isNamed, isRuled, record, route, rule, type Work } from './steps.ts'
import type { NetworkServices } from './types.ts'
import { patient, sayingWhen } from './undo.ts'
import type { Wanted } from './wanted.ts'

/** What came of it. */
export interface Exposed {
  readonly service: string
  readonly title: string
  readonly hostname: string
  readonly url: string
  readonly public: boolean
  readonly until?: string
  /** As a visitor meets it. `unseen`: it could not be asked from here. */
  readonly outside: Probed['state']
  readonly detail: string
  readonly changed: boolean
  readonly warnings: readonly string[]
  /** Another writer was at the tunnel's rules at the same time. */
  readonly alarms: readonly string[]
}

/** Milliseconds that a route may need in Traefik after its API shows it, and a name at Cloudflare after it is written. */
const ROUTE_MS = 5_000
const OUTSIDE_MS = 20_000
/** How often it may answer without its login, before it is taken back: some seconds. */
const OPEN_LOOKS = 4

export async function planExposure(
  wanted: Wanted,
  services: NetworkServices,
  signal: AbortSignal,
): Promise<Plan> {
  const found = await findExposure(wanted, services, signal)
  const steps = stepsOf(found)
  const { hostname, title, tunnel } = found
  return {
    summary: `Expose ${title} at ${hostname}${found.public ? ' to everyone' : ' behind Access'}${found.until === null ? '' : `, until ${readable(found.until)}`}`,
    steps,
    affects: [],
    warnings: found.warnings,
    locks: [`tunnel/${tunnel.id}`, `hostname/${hostname}`],
    confirm: found.public || found.down !== null || !tunnel.up || found.outage !== null,
    // Not the moment that it ends at: that moves while somebody thinks about it.
    state: JSON.parse(
      JSON.stringify({
        hostname,
        public: found.public,
        for: wanted.forMs ?? wanted.until ?? null,
        backend: found.backend.url,
        tunnel: tunnel.id,
        guards: found.guards,
        route: { before: found.route.before, other: found.route.other },
        rule: found.ruleBefore,
        record: found.record,
      }),
    ),
  }
}

function stepsOf(found: Found): readonly string[] {
  const { hostname, guards, route: there, front, tunnel, until } = found
  const access = guards.map(({ domain, there: app }) =>
    app === null
      ? `Access: a login before ${domain}`
      : `Access: "${app.name}" stands before ${domain} already`,
  )
  const traefik =
    there.ours === null
      ? `Traefik: ${there.other} leads there already, and stays`
      : there.there
        ? `Traefik: ${there.ours.name} is there already`
        : `Traefik: ${there.ours.name} to ${found.backend.url}${there.before === null ? '' : ', instead of what it was'}`
  const known = guards.every(({ there: app }) => app !== null)
  const apps = guards.flatMap(({ there: app }) => (app === null ? [] : [app]))
  const same = known && isRuled(found, apps)
  const ruled = same
    ? `Tunnel ${tunnel.name}: its rule for ${hostname} is there already`
    : `Tunnel ${tunnel.name}: ${hostname} to ${front.origin}${found.ruleBefore === null ? '' : ', instead of what it was'}${found.outage === null ? '' : `; ${found.outage}`}`
  const named = isNamed(found)
    ? 'DNS: its record leads to the tunnel already'
    : `DNS, last: ${hostname} to the tunnel`
  return [
    ...access,
    traefik,
    'Try it in the lab',
    ruled,
    named,
    'Try it from outside',
    ...(until === null ? [] : [`Taken back by itself after ${readable(until)}`]),
  ]
}

const readable = (until: string): string => `${until.slice(0, 10)} ${until.slice(11, 16)} UTC`

/** @throws HomelabError why it could not be done; by then all is as it was */
export const runExposure = (wanted: Wanted, services: NetworkServices, verbs: Verbs): Promise<Exposed> =>
  sayingWhen(expose(wanted, services, patient(verbs, services.clock)))

async function expose(wanted: Wanted, services: NetworkServices, verbs: Verbs): Promise<Exposed> {
  const found = (await verbs.step('look', async () => {
    const seen = await findExposure(wanted, services, verbs.signal)
    return JSON.parse(JSON.stringify(seen))
  })) as unknown as Found
  const ingress = ingressOf(found.tunnel.id, services)
  const work: Work = { found, services, verbs, ingress }
  const apps = await guard(work)
  await route(work)
  await tryInside(work)
  const same = isRuled(found, apps)
  const alarms = same ? [] : await rule(work, apps)
  const named = await record(work)
  const outside = await tryOutside(work)
  const { hostname, until } = found
  return {
    service: found.name,
    title: found.title,
    hostname,
    url: `https://${hostname}`,
    public: found.public,
    ...(until === null ? {} : { until }),
    outside: outside.state,
    detail: outside.detail,
    changed:
      named ||
      !same ||
      (found.route.ours !== null && !found.route.there) ||
      found.guards.some((each) => each.there === null),
    warnings: found.warnings,
    alarms,
  }
}

async function tryInside({ found, services, verbs }: Work): Promise<void> {
  const { network, clock } = services
  const { hostname, front, down } = found
  verbs.report({ text: `Trying ${hostname} in the lab` })
  const answer = (await verbs.follow('inside', async (signal) => {
    const ask = () => askRoute({ probe: network.probe, hostname, signal }, front.probe)
    return {
      ...(await askUntil(ask, ({ state }) => state !== 'wrong' || down !== null, {
        clock,
        signal,
        limitMs: ROUTE_MS,
      })),
    }
  })) as Probed
  if (answer.state !== 'wrong' || down !== null) return
  throw new HomelabError('failed', `Traefik does not lead ${hostname} to ${found.title}: ${answer.detail}.`, {
    hint: '`route show` and `logs traefik` say more. Nothing is exposed.',
  })
}

/** What a visitor is to meet; `unseen` proves nothing, and is said. */
const isMeant = ({ state }: Probed, open: boolean): boolean =>
  state === 'unseen' || state === (open ? 'answers' : 'login')

async function tryOutside({ found, services, verbs }: Work): Promise<Probed> {
  const { network, clock } = services
  const { hostname, tunnel, down } = found
  const edge = network.settings().tunnel?.edge
  verbs.report({ text: `Trying ${hostname} from outside` })
  const answer = (await verbs.follow('outside', async (signal) => {
    const ask = () => askOutside({ probe: network.probe, hostname, signal }, edge)
    let opened = 0
    const seen = (probed: Probed) => {
      // Meant to ask for a login, and does not: that is not waited for.
      if (!found.public && probed.state === 'answers') opened++
      if (opened >= OPEN_LOOKS || !tunnel.up || down !== null) return true
      return probed.state !== 'unseen' && isMeant(probed, found.public)
    }
    return { ...(await askUntil(ask, seen, { clock, signal, limitMs: OUTSIDE_MS })) }
  })) as Probed
  if (isMeant(answer, found.public) || (answer.state === 'wrong' && (!tunnel.up || down !== null)))
    return answer
  const what =
    answer.state === 'answers'
      ? `${hostname} answers without a login (${answer.detail}).`
      : answer.state === 'login'
        ? `${hostname} asks for a login, and should be open.`
        : `${hostname} does not work from outside: ${answer.detail}.`
  throw new HomelabError('failed', what, {
    hint: 'It is taken back. `tunnel status` and `logs cloudflared` say more.',
    data: { hostname, answer: answer.detail },
  })
}
