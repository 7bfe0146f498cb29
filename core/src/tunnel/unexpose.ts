/**
 * Taking a service back, in reverse: DNS first, which closes it. From there on it is not opened again because something
 * fails: what else can be taken is taken, and the rest is named. Only who cancels gets it back as it was.
 */
import { errorData, HomelabError, isHomelabError } from '../errors.ts'
import type { Json, Plan, Verbs } from '../operation/types.ts'
import { appsIn } from './apps.ts'
import { isUp, sameOrigin } from './checks.ts'
import { covers, hostnameOf, isWildcard } from './hostnames.ts'
import { ingressOf } from './ingress.ts'
import {
  accessName,
  hostOfRule,
  readMark,
  recordText,
  serviceOfRule,
  takesName,
  tunnelOfRecord,
  wholeRule,
} from './ownership.ts'
import { stillLeads } from './reach.ts'
import { type There, takeApp, takeRecord, takeRoute, takeRule } from './taking.ts'
import type { NetworkServices } from './types.ts'
import { patient } from './undo.ts'
import { routesOf } from './wanted.ts'
import { frontOf, tunnelOf } from './where.ts'

export interface Taken {
  readonly hostname: string
  readonly taken: readonly string[]
  /** What somebody else made, and stays. */
  readonly warnings: readonly string[]
  readonly alarms: readonly string[]
}

/**
 * Only Cloudflare's records have to be seen: closing must not wait for Traefik, SSH or Access.
 * @param named a service, or a host name @throws HomelabError `not-found`, `conflict`
 */
export async function findTaken(
  named: string,
  services: NetworkServices,
  signal: AbortSignal,
): Promise<There> {
  const { network } = services
  const { recent, traefik } = network
  const unseen = new Map<string, HomelabError>()
  const orUnseen = async <T>(what: string, work: Promise<T>): Promise<T | undefined> => {
    try {
      return await work
    } catch (error) {
      signal.throwIfAborted()
      if (!isHomelabError(error)) throw error
      unseen.set(what, error)
      return undefined
    }
  }
  const [tunnel, front] = await Promise.all([
    tunnelOf(network, signal),
    orUnseen("the tunnel's rule", frontOf(services, signal)),
  ])
  const hostname = await hostnameFor(named, services, signal)
  const zone = await recent.zone(hostname, signal)
  const ingress = ingressOf(tunnel.id, services)
  const [records, rules = [], files = [], routers = [], apps = [], outage] = await Promise.all([
    recent.dnsRecords(zone.id, { name: hostname }, signal),
    orUnseen("the tunnel's rule", ingress.recent(signal)),
    orUnseen("Traefik's route", traefik.files(signal)),
    orUnseen('what else Traefik has for it', traefik.routers(signal)),
    orUnseen('Access', appsIn(recent, network.settings(), false, signal)),
    orUnseen("the tunnel's rule", ingress.outage(signal)),
  ])
  const record = records.find((each) => takesName(each) && each.name.toLowerCase() === hostname)
  const rule = wholeRule(rules, hostname)
  const file = files.find((each) => each.ours && each.hostnames.includes(hostname))
  const ours = apps.filter(
    ({ name, domain }) =>
      name === accessName(domain) && (domain === hostname || domain.startsWith(`${hostname}/`)),
  )
  const marked = record !== undefined && readMark(record) !== undefined
  if (record !== undefined && !marked && tunnelOfRecord(record) === tunnel.id.toLowerCase())
    throw new HomelabError(
      'conflict',
      `${hostname} was not exposed from here: its record is not ours (${recordText(record)}).`,
      {
        hint: 'Remove it at Cloudflare, or hand it over by writing `homelab: SERVICE` as its comment.',
      },
    )
  const mine =
    rule !== undefined &&
    front !== undefined &&
    (marked || file !== undefined || ours.length > 0) &&
    sameOrigin(serviceOfRule(rule), front.origin)
  const [why] = unseen.values()
  if (!marked && !mine && file === undefined && ours.length === 0 && why !== undefined) throw why
  if (!marked && !mine && file === undefined && ours.length === 0)
    throw new HomelabError('not-found', `${hostname} is not exposed: nothing of it is ours.`, {
      hint: '`tunnel routes` shows what is.',
    })
  const wild = [...rules.map(hostOfRule)].find(
    (host) => host !== undefined && isWildcard(host) && covers(host, hostname),
  )
  const left = routers.filter(
    (router) => router.hostnames.includes(hostname) && router.name.replace(/@.*/, '') !== file?.name,
  )
  return {
    hostname,
    tunnel: { id: tunnel.id, name: tunnel.name },
    zone: zone.id,
    record:
      marked && record !== undefined
        ? {
            id: record.id,
            type: record.type,
            content: record.content,
            comment: record.comment ?? '',
            proxied: record.proxied,
          }
        : null,
    rule: mine && rule !== undefined ? rule : null,
    route: file === undefined ? null : { name: file.name, text: file.text },
    apps: ours.map(({ id, domain }) => ({ id, domain })),
    outage: mine ? (outage ?? null) : null,
    unseen: [...unseen.keys()],
    warnings: [
      ...[...unseen].map(
        ([what, { message }]) => `${upper(what)} could not be looked at, and is left: ${message}`,
      ),
      ...(rule !== undefined && front !== undefined && !mine
        ? [`The tunnel's rule for it leads to ${serviceOfRule(rule)}: it is not ours, and stays.`]
        : []),
      ...left.map(({ name }) => `Traefik's route ${name} is not ours, and stays.`),
      ...(wild === undefined
        ? []
        : [
            `The tunnel's rule for ${wild} covers this name too: what Traefik has for it stays reachable if DNS leads here.`,
          ]),
      ...(isUp(tunnel) ? [] : [`The tunnel ${tunnel.name} is ${tunnel.status}.`]),
    ],
  }
}

const upper = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`

/** A host name as it is; a service by its mark, else by the file. */
async function hostnameFor(named: string, services: NetworkServices, signal: AbortSignal): Promise<string> {
  const { lab, network } = services
  const settings = network.settings()
  // Of any domain: what was exposed under another one than the file's of today is taken back, too.
  if (named.includes('.')) return hostnameOf(named, undefined)
  const [target] = await lab.resolve([named], { signal })
  const name = target?.name ?? named
  const routes = routesOf(settings, name).map(({ hostname }) => hostname)
  const domain = settings.domain ?? routes[0]
  const marked =
    domain === undefined
      ? []
      : (await network.recent.dnsRecords((await network.recent.zone(domain, signal)).id, {}, signal))
          .filter((record) => readMark(record)?.service.toLowerCase() === name.toLowerCase())
          .map((record) => record.name.toLowerCase())
  const all = [...new Set(marked.length > 0 ? marked : routes)]
  const [only, ...more] = all
  if (only !== undefined && more.length === 0) return only
  if (only === undefined)
    throw new HomelabError('not-found', `${name} is not exposed.`, { hint: '`tunnel routes` shows what is.' })
  throw new HomelabError('ambiguous', `${name} is exposed under ${all.length} names: ${all.join(', ')}.`, {
    hint: `Give one of them, such as \`tunnel unexpose ${only}\`.`,
    data: { hostnames: all },
  })
}

export async function planTaking(
  named: string,
  services: NetworkServices,
  signal: AbortSignal,
): Promise<Plan> {
  const there = await findTaken(named, services, signal)
  const { hostname, tunnel, record, rule, route, apps, outage } = there
  return {
    summary: `Take ${hostname} back`,
    steps: [
      ...(record === null ? [] : [`DNS, first: the record ${hostname} goes, and nobody finds it any more`]),
      ...(rule === null
        ? []
        : [`Tunnel ${tunnel.name}: its rule for ${hostname} goes${outage === null ? '' : `; ${outage}`}`]),
      ...(route === null ? [] : [`Traefik: ${route.name} goes`]),
      ...apps.map(
        ({ domain }) =>
          `Access: the login before ${domain} goes, last, unless something else still leads there`,
      ),
    ],
    affects: [],
    warnings: there.warnings,
    locks: [`tunnel/${tunnel.id}`, `hostname/${hostname}`],
    confirm: true,
    state: JSON.parse(JSON.stringify({ ...there, warnings: [], outage: null })) as Json,
  }
}

/** @throws HomelabError `failed` naming what is left; `cancelled` when all is as it was before */
export async function runTaking(named: string, services: NetworkServices, given: Verbs): Promise<Taken> {
  const verbs = patient(given, services.clock)
  const there = (await verbs.step('look', async () =>
    JSON.parse(JSON.stringify(await findTaken(named, services, verbs.signal))),
  )) as unknown as There
  const ingress = ingressOf(there.tunnel.id, services)
  const taken: string[] = []
  const alarms: string[] = []
  const warnings = [...there.warnings]
  const left: string[] = there.unseen.map((what) => `${what} (could not be looked at)`)
  const attempt = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    try {
      if ((await work()) !== false) taken.push(what)
    } catch (error) {
      verbs.signal.throwIfAborted()
      const { message } = errorData(error)
      verbs.log(`${what} could not be taken: ${message}`)
      left.push(`${what} (${message})`)
    }
  }
  // Before this nothing is closed, so that its failure is the whole one's.
  if (there.record !== null) {
    await takeRecord(there, there.record, services, verbs)
    taken.push('the DNS record')
  }
  const { rule, route } = there
  if (rule !== null)
    await attempt("the tunnel's rule", async () => {
      const gone = await takeRule(there, rule, ingress, services, verbs)
      alarms.push(...gone.alarms)
      for (const other of gone.notes)
        warnings.push(`The tunnel has another rule for it, to ${other}: it is not ours, and stays.`)
    })
  if (route !== null) await attempt("Traefik's route", () => takeRoute(there, route, services, verbs))
  // What may still be reachable keeps its login, whoever leads there.
  for (const app of left.length === 0 ? there.apps : [])
    await attempt(`Access to ${app.domain}`, async () => {
      const { origin } = await frontOf(services, verbs.signal)
      const way = await stillLeads({ ...there, origin }, ingress, services, verbs.signal)
      if (way === undefined) return await takeApp(app, services, verbs)
      warnings.push(`Access to ${app.domain} stays: the name still leads somewhere, by ${way}.`)
      return false
    })
  if (left.length > 0)
    throw new HomelabError(
      'failed',
      `${there.hostname} is taken back, but not all of it: ${left.join('; ')}.`,
      {
        hint:
          there.record === null
            ? '`tunnel drift` shows what is left.'
            : 'Its record is gone. `tunnel drift` shows what is left, and can take it away.',
        data: { taken, left },
      },
    )
  return { hostname: there.hostname, taken, warnings, alarms }
}
