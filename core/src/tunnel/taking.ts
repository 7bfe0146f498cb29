/**
 * The steps of taking a host name back, each looked at once more right before it, and undone only for who cancels: a
 * failure is no reason to open it again.
 */
import { type IngressRule, withoutRule } from '../cloudflare/index.ts'
import { HomelabError, isHomelabError } from '../errors.ts'
import type { Verbs } from '../operation/types.ts'
import { isRuleTo } from './checks.ts'
import { type Edit, type Ingress, placed } from './ingress.ts'
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
import { changeRules } from './rule-change.ts'
import type { NetworkServices } from './types.ts'

/** Plain JSON. */
export interface There {
  readonly hostname: string
  readonly tunnel: { readonly id: string; readonly name: string }
  readonly zone: string
  readonly record: {
    readonly id: string
    readonly type: string
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

/** Whoever opens it again does so behind the logins that were before it. @throws HomelabError `conflict` */
async function assertGuarded(
  { hostname, apps }: There,
  { network }: Pick<NetworkServices, 'network'>,
): Promise<void> {
  if (apps.length === 0) return
  const names = new Set((await network.cloudflare.accessApps()).map(({ name }) => name))
  const missing = apps.find(({ domain }) => !names.has(accessName(domain)))
  if (missing === undefined) return
  throw new HomelabError('conflict', `Access to ${missing.domain} is not back, so ${hostname} stays closed.`)
}

export async function takeRecord(
  there: There,
  record: NonNullable<There['record']>,
  services: NetworkServices,
  verbs: Verbs,
): Promise<void> {
  const { hostname, zone } = there
  const { cloudflare } = services.network
  const now = async () =>
    (await cloudflare.dnsRecords(zone, { name: hostname })).filter(
      (each) => takesName(each) && each.name.toLowerCase() === hostname,
    )
  verbs.undo(
    `the DNS record ${hostname}`,
    ifCancelled(verbs, async () => {
      if ((await now()).length > 0) return
      await assertGuarded(there, services)
      const { type, content, proxied, comment } = record
      await cloudflare.createDns(zone, { name: hostname, type, content, proxied, comment })
    }),
  )
  verbs.report({ text: `Closing ${hostname}` })
  await verbs.change<string>('dns', {
    act: async () => {
      // The look may be old by now.
      const same = (await now()).find(({ id }) => id === record.id)
      if (same === undefined) return record.id
      if (readMark(same) === undefined)
        throw new HomelabError(
          'conflict',
          `The record of ${hostname} is not ours any more (${recordText(same)}), and stays.`,
        )
      await cloudflare.deleteDns(zone, record.id, verbs.signal)
      return record.id
    },
    find: async () => ((await now()).some(({ id }) => id === record.id) ? undefined : record.id),
  })
}

/** @returns sentences about what another writer may have lost; and where rules of the same name lead that are somebody else's */
export async function takeRule(
  there: There,
  rule: IngressRule,
  ingress: Ingress,
  services: NetworkServices,
  verbs: Verbs,
): ReturnType<typeof changeRules> {
  const { hostname } = there
  const { cloudflare } = services.network
  const isOurs = isRuleTo(hostname, serviceOfRule(rule))
  const isOfName = (each: IngressRule) => wholeRule([each], hostname) !== undefined
  let back: Edit | undefined
  const opened = ifCancelled(verbs, async () => {
    await assertGuarded(there, services)
    // Its application may be another one by now, with another tag.
    const enforced = enforcedBy(rule)
    const app =
      enforced === undefined
        ? undefined
        : (await cloudflare.accessApps()).find(({ name }) => name === accessName(hostname))
    const own =
      app === undefined || enforced === undefined
        ? rule
        : ruleFor(hostname, serviceOfRule(rule), { ...enforced, audTag: [app.aud] }, rule)
    back = (rules) => {
      // Of several places some may have it still.
      if (rules.some(isOurs)) return rules
      // Before another one of the name, as it was.
      const at = rules.findIndex(isOfName)
      return at < 0 ? placed(rules, own) : rules.toSpliced(at, 0, own)
    }
  })
  return await changeRules(ingress, verbs, {
    hostname,
    text: `Taking ${hostname} out of the tunnel`,
    edit: (rules) => withoutRule(rules, hostname, '', isOurs),
    look: 'anywhere',
    isDone: (rules) => !rules.some(isOurs),
    note: (rules) => rules.filter((each) => isOfName(each) && !isOurs(each)).map(serviceOfRule),
    async back() {
      await opened()
      return back
    },
  })
}

export async function takeRoute(
  there: There,
  { name, text }: NonNullable<There['route']>,
  services: NetworkServices,
  verbs: Verbs,
): Promise<void> {
  const { traefik } = services.network
  verbs.undo(
    `Traefik's route ${name}`,
    ifCancelled(verbs, async () => {
      await assertGuarded(there, services)
      await traefik.restore(name, text)
    }),
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
