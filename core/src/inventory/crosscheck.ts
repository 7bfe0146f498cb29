/** What no single entry can tell: names that point nowhere, cycles, one name for two things. */
import { z } from 'zod'
import { knownService, knownServices } from '../health/catalogue.ts'
import { checkRights, type KnownOperation, type Report } from './crosscheck-rights.ts'
import { findCycle } from './graph.ts'
import { didYouMean, pathText } from './problems.ts'
import type { Problem, Source } from './yaml.ts'

// Lenient on purpose: entries that are wrong in themselves are reported elsewhere and must not hide these problems.
const strings = z.array(z.unknown()).catch([])
const entries = <T extends z.ZodType>(entry: T) => z.record(z.string(), entry).catch({})
const optionalText = z.string().optional().catch(undefined)
const Written = z.object({
  services: entries(
    z
      .object({
        guest: z.union([z.string(), z.number()]).optional().catch(undefined),
        kind: optionalText,
        needs: strings,
        aliases: strings,
      })
      .catch({ guest: undefined, kind: undefined, needs: [], aliases: [] }),
  ),
  repositories: entries(z.object({ restic: z.unknown() }).catch({ restic: undefined })),
  backups: entries(
    z
      .object({
        service: optionalText,
        to: strings,
        originals: z.array(z.object({ plan: z.string() })).catch([]),
        drill: z.object({ copies: z.unknown() }).catch({ copies: undefined }),
      })
      .catch({ service: undefined, to: [], originals: [], drill: { copies: undefined } }),
  ),
  channels: entries(z.unknown()),
  digest: z.object({ channel: optionalText }).catch({ channel: undefined }),
  alerts: z
    .object({
      sources: entries(z.unknown()),
      routes: z
        .array(
          z.object({
            to: z.union([z.string().transform((name) => [name]), strings]).catch([]),
            sources: strings,
            escalate: z.object({ to: optionalText, people: strings }).catch({ to: undefined, people: [] }),
          }),
        )
        .catch([]),
    })
    .catch({ sources: {}, routes: [] }),
  people: entries(z.unknown()),
  network: z
    .object({
      domain: optionalText,
      routes: entries(
        z
          .union([z.string(), z.object({ service: z.string() }).transform((route) => route.service)])
          .optional()
          .catch(undefined),
      ),
      tunnel: z
        .object({ service: z.union([z.string().transform((name) => [name]), strings]).optional() })
        .catch({ service: undefined }),
      traefik: z.object({ service: optionalText }).catch({ service: undefined }),
    })
    .catch({
      domain: undefined,
      routes: {},
      tunnel: { service: undefined },
      traefik: { service: undefined },
    }),
  console: z
    .object({ host: optionalText, token: z.unknown().optional() })
    .catch({ host: undefined, token: undefined }),
})
type Written = z.output<typeof Written>

/** @param operations absent: names of operations are not looked at */
export function crossCheck(source: Source, operations?: readonly KnownOperation[]): Problem[] {
  const parsed = Written.safeParse(source.value)
  if (!parsed.success) return []
  const written = parsed.data
  const problems: Problem[] = []
  const report: Report = (path, message, part = 'value') =>
    problems.push({ ...source.at(path, part), path: pathText(path), message })
  checkServices(written, report)
  checkReferences(written, report)
  checkRights(source.value, report, operations)
  const { host, token } = written.console
  if (host !== undefined && token === undefined && !/^(?:127\.|localhost$|::1$)/.test(host)) {
    report(['console', 'host'], `other machines can reach the console on ${host}: it needs "token" then`)
  }
  return problems
}

function checkServices(written: Written, report: Report): void {
  const names = Object.keys(written.services)
  const owners = new Map<string, string>()
  for (const name of names) {
    const other = owners.get(lower(name))
    if (other === undefined) owners.set(lower(name), name)
    else report(['services', name], `is the same name as "${other}": capitals make no difference`, 'key')
  }
  const known = new Set(owners.keys())
  const guests = new Map(
    names.map((name) => [lower(String(written.services[name]?.guest ?? name)), name] as const),
  )
  for (const [name, { guest, kind, needs, aliases }] of Object.entries(written.services)) {
    const shadowed = guests.get(lower(name))
    if (shadowed !== undefined && shadowed !== name && lower(String(guest ?? name)) !== lower(name)) {
      report(
        ['services', name],
        `is also the name of the guest of ${shadowed}: one of them needs another name`,
        'key',
      )
    }
    if (kind !== undefined && knownService(kind) === undefined) {
      const all = knownServices.map((known) => known.name)
      const near = didYouMean(kind, all) || ` Known: ${all.join(', ')}. Leave it out for anything else.`
      report(['services', name, 'kind'], `"${kind}" is not in the catalogue.${near}`)
    }
    for (const [index, need] of needs.entries()) {
      if (typeof need !== 'string') continue
      if (!known.has(lower(need))) {
        report(['services', name, 'needs', index], `there is no service "${need}".${didYouMean(need, names)}`)
      }
    }
    for (const [index, alias] of aliases.entries()) {
      if (typeof alias !== 'string') continue
      const path = ['services', name, 'aliases', index]
      const other = owners.get(lower(alias))
      const guestOf = guests.get(lower(alias))
      if (other !== undefined) report(path, `"${alias}" already means the service ${other}`)
      else if (guestOf !== undefined && guestOf !== name)
        report(path, `"${alias}" is the guest of ${guestOf}`)
      else owners.set(lower(alias), name)
    }
  }
  const cycle = findCycle(
    names.map(lower),
    new Map(names.map((name) => [lower(name), needsOf(written, name)] as const)),
  )
  if (cycle !== undefined) {
    const first = owners.get(cycle[0] ?? '') ?? names[0] ?? ''
    const shown = cycle.map((name) => owners.get(name) ?? name).join(' → ')
    report(['services', first, 'needs'], `services need each other in a circle: ${shown}`, 'key')
  }
}

const needsOf = (written: Written, name: string): string[] =>
  (written.services[name]?.needs ?? []).filter((need) => typeof need === 'string').map(lower)

function checkReferences(written: Written, report: Report): void {
  const services = Object.keys(written.services)
  const known = new Set(services.map(lower))
  const repositories = Object.keys(written.repositories)
  const { domain, routes, tunnel, traefik } = written.network
  for (const [hostname, service] of Object.entries(routes)) {
    if (service !== undefined && !known.has(lower(service))) {
      report(
        ['network', 'routes', hostname],
        `there is no service "${service}".${didYouMean(service, services)}`,
      )
    }
    if (domain !== undefined && hostname !== domain && !hostname.endsWith(`.${domain}`)) {
      report(['network', 'routes', hostname], `is not under the domain ${domain}`, 'key')
    }
  }
  const runners = { tunnel: tunnel.service ?? [], traefik: [traefik.service] }
  for (const [section, names] of Object.entries(runners)) {
    for (const name of names) {
      // It may also be a guest that is no service here: only what looks like a slip is one.
      if (typeof name !== 'string' || known.has(lower(name))) continue
      const near = didYouMean(name, services)
      if (near !== '') report(['network', section, 'service'], `there is no service "${name}".${near}`)
    }
  }
  const plans = Object.keys(written.backups)
  for (const [name, { service, to, originals, drill }] of Object.entries(written.backups)) {
    for (const [index, { plan }] of originals.entries()) {
      if (!plans.includes(plan))
        report(
          ['backups', name, 'originals', index, 'plan'],
          `there is no backup plan "${plan}".${didYouMean(plan, plans)}`,
        )
    }
    if (
      drill.copies !== undefined &&
      to.every((each) => written.repositories[String(each)]?.restic === undefined)
    )
      report(
        ['backups', name, 'drill', 'copies'],
        'there are no copies: name a repository with `restic:` in its `to:`, or take `copies` out',
      )
    if (service !== undefined && !known.has(lower(service))) {
      report(
        ['backups', name, 'service'],
        `there is no service "${service}".${didYouMean(service, services)}`,
      )
    }
    for (const [index, repository] of to.entries()) {
      if (typeof repository === 'string' && !repositories.includes(repository)) {
        const near = didYouMean(repository, repositories)
        report(['backups', name, 'to', index], `there is no repository "${repository}".${near}`)
      }
    }
  }
  const channels = Object.keys(written.channels)
  const { channel } = written.digest
  if (channel !== undefined && !channels.includes(channel))
    report(['digest', 'channel'], `there is no channel "${channel}".${didYouMean(channel, channels)}`)
  checkRoutes(written, report)
}

function checkRoutes({ alerts, channels, people }: Written, report: Report): void {
  const check = (kind: string, name: unknown, known: readonly string[], path: (string | number)[]) => {
    if (typeof name === 'string' && !known.includes(name))
      report(path, `there is no ${kind} "${name}".${didYouMean(name, known)}`)
  }
  const [named, persons, sources] = [channels, people, alerts.sources].map((all) => Object.keys(all)) as [
    string[],
    string[],
    string[],
  ]
  for (const [index, { to, sources: from, escalate }] of alerts.routes.entries()) {
    const path = ['alerts', 'routes', index]
    for (const name of to) check('channel', name, named, [...path, 'to'])
    for (const [at, name] of from.entries())
      if (name !== 'homelab') check('source', name, sources, [...path, 'sources', at])
    check('channel', escalate.to, named, [...path, 'escalate', 'to'])
    for (const [at, name] of escalate.people.entries())
      check('person', name, persons, [...path, 'escalate', 'people', at])
  }
}

const lower = (text: string): string => text.toLowerCase()
