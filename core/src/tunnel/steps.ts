/**
 * The steps of an exposure, each with how to go back registered before it, and a look that tells after a crash whether it
 * was done. DNS is last, so that nobody is led anywhere before all else stands.
 */
import {
  type AccessApp,
  equal,
  type IngressRule,
  says,
  unreachable,
  withoutRule,
} from '../cloudflare/index.ts'
import { HomelabError, isHomelabError } from '../errors.ts'
import type { Json, Verbs } from '../operation/types.ts'
import { sameRoute } from '../traefik/index.ts'
import { isRuleTo, leadsTo } from './checks.ts'
import type { Found } from './find.ts'
import { plain } from './find-route.ts'
import { displaced, type Edit, type Ingress, placed } from './ingress.ts'
import {
  accessName,
  type Enforced,
  enforcedBy,
  readMark,
  recordText,
  ruleFor,
  serviceOfRule,
  takesName,
  tunnelTarget,
  wholeRule,
} from './ownership.ts'
import { changeRules } from './rule-change.ts'
import type { NetworkServices } from './types.ts'

export interface Work {
  readonly found: Found
  readonly services: NetworkServices
  readonly verbs: Verbs
  readonly ingress: Ingress
}

/** Of `Application`: what the rule of the tunnel has to know of it. */
interface App {
  readonly id: string
  readonly aud: string
}

/** @returns the applications that stand before the host name or its paths, in the order of `found.guards` */
export async function guard(work: Work): Promise<readonly App[]> {
  const { found, services, verbs } = work
  const { cloudflare, settings } = services.network
  const apps: App[] = []
  for (const { domain, there } of found.guards) {
    if (there !== null) {
      apps.push({ id: there.id, aud: there.aud })
      continue
    }
    const name = accessName(domain)
    const ours = async (): Promise<AccessApp | undefined> =>
      (await cloudflare.accessApps()).find((app) => app.name === name && app.domains.includes(domain))
    verbs.undo(`Access to ${domain}`, async () => {
      const left = await leftOf(work)
      if (left !== undefined)
        throw new HomelabError(
          'conflict',
          `${left} of ${found.hostname} is still there, so Access stays before it.`,
        )
      const app = await ours()
      if (app !== undefined) await cloudflare.deleteAccessApp(app.id)
    })
    verbs.report({ text: `Putting ${domain} behind Access` })
    const { session, allow } = settings().access
    const made = await verbs.change<{ readonly id: string; readonly aud: string }>(`access ${domain}`, {
      act: async () => {
        const { id, aud } = await cloudflare.createAccessApp({ name, domain, session, allow }, verbs.signal)
        return { id, aud }
      },
      find: async () => {
        const app = await ours()
        return app === undefined ? undefined : { id: app.id, aud: app.aud }
      },
    })
    apps.push(made)
  }
  return apps
}

/**
 * What of this exposure could not be taken back: whatever stays reachable stays behind its login. A wildcard may lead to a
 * route or a rule that has lost its own record.
 */
async function leftOf({ found, services, ingress }: Work): Promise<string | undefined> {
  const { hostname, ruleBefore, route: there } = found
  if (found.record === null && (await recordNow(found, services)) !== undefined) return 'The DNS record'
  const rules = await ingress.read()
  const known = ruleBefore ?? undefined
  const isReached = (rule: IngressRule) => !unreachable(rules).some((each) => each.rule === rule)
  // One that was there is as before, unless nothing reached it then.
  const isLeft = (rule: IngressRule) => !equal(rule, known) || (found.shadowed && isReached(rule))
  if (rules.some((each) => isRuleTo(hostname, found.front.origin)(each) && isLeft(each)))
    return "The tunnel's rule"
  if (there.ours === null || there.there) return undefined
  const { name } = there.ours
  const { traefik } = services.network
  const same = (await traefik.read(name)) === (there.before ?? undefined)
  // A file that is gone is still a route while something keeps Traefik from hearing of it.
  const routed =
    same && there.before === null && (await traefik.routers()).some((each) => plain(each.name) === name)
  return same && !routed ? undefined : "Traefik's route"
}

export async function route({ found, services, verbs }: Work): Promise<void> {
  const { traefik } = services.network
  const { ours, before, there } = found.route
  if (ours === null || there) return
  verbs.undo(`Traefik's route ${ours.name}`, async () => {
    await traefik.restore(ours.name, before ?? undefined)
    if (before === null) await traefik.gone(ours.name)
  })
  verbs.report({ text: `Telling Traefik of ${found.hostname}` })
  await verbs.change<string>('route', {
    act: async () => {
      await traefik.put(ours, verbs.signal)
      return ours.name
    },
    find: async () => {
      const file = (await traefik.files()).find((each) => each.name === ours.name)
      return file?.route !== undefined && sameRoute(file.route, ours) ? ours.name : undefined
    },
  })
  await verbs.follow('routed', async (signal) => (await traefik.wait(ours, signal)).name)
}

/** The rule as it has to be, when the applications are known. */
export function wantedRule(found: Found, apps: readonly App[]): IngressRule {
  return ruleFor(found.hostname, found.front.origin, enforcement(found, apps), found.ruleBefore ?? undefined)
}

function enforcement({ team, guards, hostname }: Found, apps: readonly App[]): Enforced | undefined {
  const at = guards.findIndex(({ domain }) => domain === hostname)
  const app = at < 0 ? undefined : apps[at]
  return team === null || app === undefined ? undefined : { teamName: team, audTag: [app.aud] }
}

/** Whether the tunnel has it already, where requests reach it. */
export const isRuled = (found: Found, apps: readonly App[]): boolean =>
  !found.shadowed && equal(wantedRule(found, apps), found.ruleBefore ?? undefined)

/** @returns sentences about what another writer may have lost */
export async function rule(work: Work, apps: readonly App[]): Promise<readonly string[]> {
  const { found, verbs, ingress } = work
  const { hostname, ruleBefore, shadowed } = found
  const wanted = wantedRule(found, apps)
  const isOurs = isRuleTo(hostname, serviceOfRule(wanted))
  const put: Edit = (rules) => {
    const now = wholeRule(rules, hostname)
    // The look may be old by now. In several places it may have been another in each.
    if (now === undefined || isOurs(now) || shadowed || equal(now, ruleBefore ?? undefined))
      return placed(rules, wanted)
    throw new HomelabError(
      'conflict',
      `The tunnel has another rule for ${hostname} by now, and it leads to ${serviceOfRule(now)}.`,
      { hint: 'Look at it again, then decide.' },
    )
  }
  const takenBack: Edit = (rules) => {
    if (ruleBefore === null) return withoutRule(rules, hostname, '', isOurs)
    const now = wholeRule(rules, hostname)
    // Somebody else made another of it meanwhile: theirs stays.
    if (now !== undefined && !isOurs(now)) return rules
    const back = equal(now, ruleBefore) ? rules : placed(rules, ruleBefore)
    const there = wholeRule(back, hostname)
    return shadowed && there !== undefined ? displaced(back, there) : back
  }
  const { alarms } = await changeRules(ingress, verbs, {
    hostname,
    text: `Leading ${hostname} through the tunnel`,
    edit: put,
    look: 'everywhere',
    isDone(rules) {
      const now = wholeRule(rules, hostname)
      // Cloudflare may add keys of its own.
      const same = now !== undefined && says(now, wanted) && equal(accessOf(now), accessOf(wanted))
      return same && !unreachable(rules).some((each) => each.rule === now)
    },
    back: async () => takenBack,
  })
  return alarms
}

const accessOf = (rule: IngressRule): Json => {
  const { teamName, audTag } = enforcedBy(rule) ?? {}
  return teamName === undefined || audTag === undefined ? null : { teamName, audTag }
}

/** The record that leads here, or is ours; undefined: none. */
async function recordNow({ zone, hostname, tunnel }: Found, { network }: NetworkServices) {
  const records = await network.cloudflare.dnsRecords(zone.id, { name: hostname })
  return records
    .filter((each) => takesName(each) && each.name.toLowerCase() === hostname)
    .find((each) => readMark(each) !== undefined || each.content.toLowerCase() === tunnelTarget(tunnel.id))
}

/** The look may be old by now. @throws HomelabError `conflict` */
async function assertOurs(
  { zone, hostname }: Found,
  id: string,
  { network }: NetworkServices,
  signal: AbortSignal,
): Promise<void> {
  const records = await network.cloudflare.dnsRecords(zone.id, { name: hostname }, signal)
  const now = records.find((each) => each.id === id)
  if (now !== undefined && readMark(now) !== undefined) return
  throw new HomelabError(
    'conflict',
    `The record of ${hostname} is ${now === undefined ? 'gone' : `not ours any more (${recordText(now)})`}.`,
    { hint: 'Look at it again, then decide.' },
  )
}

/** Whether its record says so already, or is somebody else's and leads here: that stays as it is. */
export const isNamed = ({ record: there, tunnel, comment }: Found): boolean =>
  there !== null && (!there.ours || (leadsTo(there, tunnel.id) && there.comment === comment))

/** @returns whether a record was made or changed */
export async function record({ found, services, verbs }: Work): Promise<boolean> {
  const { cloudflare } = services.network
  const { zone, hostname, tunnel, comment, record: before } = found
  if (isNamed(found)) return false
  const content = tunnelTarget(tunnel.id)
  const write = { name: hostname, type: 'CNAME', content, proxied: true, comment }
  const ours = async () => {
    const now = await recordNow(found, services)
    return now?.comment === comment && now.content.toLowerCase() === content && now.proxied ? now : undefined
  }
  verbs.undo(`the DNS record ${hostname}`, async () => {
    const now = await ours()
    if (now === undefined) return
    if (before === null) await cloudflare.deleteDns(zone.id, now.id)
    else
      await cloudflare.updateDns(zone.id, now.id, {
        ...write,
        type: before.type,
        content: before.content,
        proxied: before.proxied,
        comment: before.comment ?? '',
      })
  })
  verbs.report({ text: `Making ${hostname} known` })
  await verbs.change<string>('dns', {
    act: async () => {
      if (before !== null) {
        await assertOurs(found, before.id, services, verbs.signal)
        return (await cloudflare.updateDns(zone.id, before.id, write, verbs.signal)).id
      }
      try {
        return (await cloudflare.createDns(zone.id, write, verbs.signal)).id
      } catch (error) {
        // Somebody was faster: it is as good as ours only when it is ours.
        const now = isHomelabError(error) && error.code === 'conflict' ? await ours() : undefined
        if (now !== undefined) return now.id
        throw error
      }
    },
    find: async () => (await ours())?.id,
  })
  return true
}
