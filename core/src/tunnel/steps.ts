/**
 * The steps of an exposure, each with how to go back registered before it, and a look that tells after a crash whether it
 * was done. DNS is last, so that nobody is led anywhere before all else stands.
 */
import { type AccessApp, type IngressRule, unreachable, withoutRule } from '../cloudflare/index.ts'
import { HomelabError, isHomelabError } from '../errors.ts'
import type { Verbs } from '../operation/types.ts'
import { isRuleTo, leadsTo } from './checks.ts'
import type { Found } from './find.ts'
import { sameRoute } from './find-route.ts'
import { type Ingress, placed } from './ingress.ts'
import {
  accessName,
  type Enforced,
  readMark,
  recordText,
  ruleFor,
  sameJson,
  serviceOfRule,
  takesName,
  tunnelTarget,
  wholeRule,
} from './ownership.ts'
import type { NetworkServices } from './types.ts'
import { editBack } from './undo.ts'

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
  const now = rules.filter((each) => wholeRule([each], hostname) !== undefined)
  if (now.some((each) => !sameJson(each, known) && isRuleTo(hostname, found.front.origin)(each)))
    return "The tunnel's rule"
  if (there.ours === null || there.there) return undefined
  const text = await services.network.traefik.read(there.ours.name)
  return text === (there.before ?? undefined) ? undefined : "Traefik's route"
}

export async function route({ found, services, verbs }: Work): Promise<void> {
  const { traefik } = services.network
  const { ours, before, there } = found.route
  if (ours === null || there) return
  verbs.undo(`Traefik's route ${ours.name}`, () => traefik.restore(ours.name, before ?? undefined))
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
  !found.shadowed && sameJson(wantedRule(found, apps), found.ruleBefore ?? undefined)

/** @returns sentences about what another writer may have lost */
export async function rule(work: Work, apps: readonly App[]): Promise<readonly string[]> {
  const { found, verbs, ingress } = work
  const { hostname, ruleBefore } = found
  const wanted = wantedRule(found, apps)
  const isOurs = isRuleTo(hostname, serviceOfRule(wanted))
  const isThere = (rules: readonly IngressRule[]) => {
    const now = wholeRule(rules, hostname)
    return sameJson(now, wanted) && !unreachable(rules).some((each) => each.rule === now)
  }
  verbs.undo(`the tunnel's rule for ${hostname}`, async () => {
    const rules = await ingress.read()
    const now = wholeRule(rules, hostname)
    // Somebody else made another of it meanwhile: theirs stays.
    const theirs = ruleBefore === null ? !rules.some(isOurs) : now !== undefined && !isOurs(now)
    if (theirs || sameJson(now, ruleBefore ?? undefined)) return
    await editBack(
      ingress,
      (all) => (ruleBefore === null ? withoutRule(all, hostname, '', isOurs) : placed(all, ruleBefore)),
      verbs,
    )
  })
  verbs.report({ text: `Leading ${hostname} through the tunnel` })
  const { alarms } = await verbs.change<{ readonly alarms: readonly string[] }>('rule', {
    act: async () => ({
      alarms: await ingress.edit(
        (rules) => placed(rules, wanted),
        (line) => verbs.log(line),
        verbs.signal,
      ),
    }),
    find: async () => (isThere(await ingress.everywhere()) ? { alarms: ingress.alarms() } : undefined),
  })
  for (const alarm of alarms) verbs.log(alarm)
  if (ingress.kept === 'file') await verbs.step('restart', () => ingress.apply(verbs.signal).then(() => null))
  return alarms
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

/** @returns whether a record was made or changed */
export async function record({ found, services, verbs }: Work): Promise<boolean> {
  const { cloudflare } = services.network
  const { zone, hostname, tunnel, comment, record: before } = found
  if (before !== null && (!before.ours || (leadsTo(before, tunnel.id) && before.comment === comment)))
    return false
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
