/**
 * The steps of taking a host name back, each looked at once more right before it, and undone only for who cancels: a
 * failure is no reason to open it again.
 */
import { type IngressRule, withoutRule } from '../cloudflare/index.ts'
import { HomelabError, isHomelabError } from '../errors.ts'
import type { Verbs } from '../operation/types.ts'
import { isRuleTo } from './checks.ts'
import { type Ingress, placed } from './ingress.ts'
import {
  accessName,
  enforcedBy,
  readMark,
  recordText,
  ruleFor,
  serviceOfRule,
  takesName,
  wholeRule,
} from './ownership.ts'
import type { NetworkServices } from './types.ts'
import { editBack } from './undo.ts'

/** Plain JSON. */
export interface There {
  readonly hostname: string
  readonly tunnel: { readonly id: string; readonly name: string }
  readonly zone: string
  readonly record: {
    readonly id: string
    readonly content: string
    readonly comment: string
    readonly proxied: boolean
  } | null
  readonly rule: IngressRule | null
  readonly route: { readonly name: string; readonly text: string } | null
  /** The domains of our applications. */
  readonly apps: readonly { readonly id: string; readonly domain: string }[]
  readonly outage: string | null
  /** What could not be looked at, and so is left: `Traefik's route`. */
  readonly unseen: readonly string[]
  readonly warnings: readonly string[]
}

/** Undone only for who changed their mind: a failure is no reason to open it again. */
const ifCancelled = (verbs: Verbs, revert: () => Promise<void>) => async () => {
  const reason: unknown = verbs.signal.reason
  if (isHomelabError(reason) && reason.code === 'cancelled') await revert()
}

export async function takeRecord(
  { hostname, zone }: There,
  record: NonNullable<There['record']>,
  { network }: NetworkServices,
  verbs: Verbs,
): Promise<void> {
  const { cloudflare } = network
  const now = async () =>
    (await cloudflare.dnsRecords(zone, { name: hostname })).filter(
      (each) => takesName(each) && each.name.toLowerCase() === hostname,
    )
  verbs.undo(
    `the DNS record ${hostname}`,
    ifCancelled(verbs, async () => {
      if ((await now()).length > 0) return
      const { content, proxied, comment } = record
      await cloudflare.createDns(zone, { name: hostname, type: 'CNAME', content, proxied, comment })
    }),
  )
  verbs.report({ text: `Closing ${hostname}` })
  await verbs.change<string>('dns', {
    act: async () => {
      // The look may be old by now.
      const there = (await now()).find(({ id }) => id === record.id)
      if (there === undefined) return record.id
      if (readMark(there) === undefined)
        throw new HomelabError(
          'conflict',
          `The record of ${hostname} is not ours any more (${recordText(there)}), and stays.`,
        )
      await cloudflare.deleteDns(zone, record.id, verbs.signal)
      return record.id
    },
    find: async () => ((await now()).some(({ id }) => id === record.id) ? undefined : record.id),
  })
}

type RuleTaken = {
  readonly alarms: readonly string[]
  /** Where rules of the same name lead that are somebody else's. */
  readonly others: readonly string[]
}

export async function takeRule(
  { hostname }: There,
  rule: IngressRule,
  ingress: Ingress,
  { network }: NetworkServices,
  verbs: Verbs,
): Promise<RuleTaken> {
  const isOurs = isRuleTo(hostname, serviceOfRule(rule))
  const others = (rules: readonly IngressRule[]) =>
    rules
      .filter((each) => wholeRule([each], hostname) !== undefined && !isOurs(each))
      .map((each) => serviceOfRule(each))
  verbs.undo(
    `the tunnel's rule for ${hostname}`,
    ifCancelled(verbs, async () => {
      if ((await ingress.everywhere()).some(isOurs)) return
      // Its application may be another one by now, with another tag.
      const enforced = enforcedBy(rule)
      const app =
        enforced === undefined
          ? undefined
          : (await network.cloudflare.accessApps()).find(({ name }) => name === accessName(hostname))
      const back =
        app === undefined || enforced === undefined
          ? rule
          : ruleFor(hostname, serviceOfRule(rule), { ...enforced, audTag: [app.aud] }, rule)
      await editBack(
        ingress,
        (rules) => {
          // Of several places some may have it still.
          if (rules.some(isOurs)) return rules
          // Before another one of the name, as it was.
          const at = rules.findIndex((each) => wholeRule([each], hostname) !== undefined)
          return at < 0 ? placed(rules, back) : rules.toSpliced(at, 0, back)
        },
        verbs,
      )
    }),
  )
  verbs.report({ text: `Taking ${hostname} out of the tunnel` })
  const gone = await verbs.change<RuleTaken>('rule', {
    act: async () => {
      let seen: readonly IngressRule[] = []
      const alarms = await ingress.edit(
        (rules) => {
          seen = rules
          return withoutRule(rules, hostname, '', isOurs)
        },
        (line) => verbs.log(line),
        verbs.signal,
      )
      return { alarms, others: others(seen) }
    },
    find: async () => {
      const rules = await ingress.read()
      return rules.some(isOurs) ? undefined : { alarms: ingress.alarms(), others: others(rules) }
    },
  })
  for (const alarm of gone.alarms) verbs.log(alarm)
  if (ingress.kept === 'file') await verbs.step('restart', () => ingress.apply(verbs.signal).then(() => null))
  return gone
}

export async function takeRoute(
  { name, text }: NonNullable<There['route']>,
  { network }: NetworkServices,
  verbs: Verbs,
): Promise<void> {
  const { traefik } = network
  verbs.undo(
    `Traefik's route ${name}`,
    ifCancelled(verbs, () => traefik.restore(name, text)),
  )
  verbs.report({ text: `Taking ${name} out of Traefik` })
  await verbs.change<string>('route', {
    act: async () => {
      await traefik.remove(name, verbs.signal)
      return name
    },
    find: async () => ((await traefik.read(name)) === undefined ? name : undefined),
  })
  await verbs.follow('unrouted', (signal) => traefik.gone(name, signal).then(() => null))
}

export async function takeApp(
  { id, domain }: There['apps'][number],
  { network }: NetworkServices,
  verbs: Verbs,
): Promise<void> {
  const { cloudflare, settings } = network
  const now = async () => (await cloudflare.accessApps()).find((app) => app.name === accessName(domain))
  verbs.undo(
    `Access to ${domain}`,
    ifCancelled(verbs, async () => {
      if ((await now()) !== undefined) return
      const { session, allow } = settings().access
      await cloudflare.createAccessApp({ name: accessName(domain), domain, session, allow })
    }),
  )
  await verbs.change<string>(`access ${domain}`, {
    act: async () => {
      // By the name that is ours: the look may be old by now.
      if ((await now())?.id === id) await cloudflare.deleteAccessApp(id, verbs.signal)
      return id
    },
    find: async () => ((await now())?.id === id ? undefined : id),
  })
}
