/** Putting one row of the drift right: the plan of it, and the run. The row is looked for anew each time. */
import { type IngressRule, withoutRule } from '../cloudflare/index.ts'
import { HomelabError } from '../errors.ts'
import type { Json, Plan, Verbs } from '../operation/types.ts'
import { isRuleTo } from './checks.ts'
import { driftOf } from './drift.ts'
import type { DriftRow, Fix } from './drift-row.ts'
import { planExposure, runExposure } from './expose.ts'
import { ingressOf, placed } from './ingress.ts'
import { wholeRule } from './ownership.ts'
import { changeRules } from './rule-change.ts'
import { lookAround } from './seen.ts'
import type { NetworkServices } from './types.ts'
import { patient } from './undo.ts'
import { planTaking, runTaking } from './unexpose.ts'
import type { Wanted } from './wanted.ts'
import { tunnelOf } from './where.ts'

export interface Fixed {
  readonly id: string
  readonly subject: string
  readonly done: string
  readonly alarms: readonly string[]
}

/** @throws HomelabError `not-found` when it is not so any more, `conflict` when only a person can do something about it */
export async function findRow(
  id: string,
  services: NetworkServices,
  signal: AbortSignal,
): Promise<DriftRow & { readonly fix: Fix }> {
  const rows = driftOf(await lookAround(services, signal))
  const wanted = id.trim().toLowerCase()
  const found = rows.filter((row) => row.id.toLowerCase() === wanted || row.subject.toLowerCase() === wanted)
  const row = found.find((each) => each.fix !== undefined) ?? found[0]
  if (row === undefined)
    throw new HomelabError('not-found', `There is no drift "${id.slice(0, 100)}" now.`, {
      hint: '`tunnel drift` shows what there is. It may have been put right already.',
    })
  const { fix } = row
  if (fix !== undefined) return { ...row, fix }
  throw new HomelabError(
    'conflict',
    `${row.subject}: ${row.there}. That is nothing to be put right from here.`,
    {
      hint: row.hint ?? 'Put it right where it is.',
    },
  )
}

const wantedOf = (fix: Extract<Fix, { kind: 'expose' }>): Wanted => ({
  service: fix.service,
  hostname: fix.hostname,
  public: fix.public,
  until: fix.until,
  // It is exposed already: a backend that is down for a moment is no reason to leave it half.
  down: true,
  repair: true,
})

export async function planFix(id: string, services: NetworkServices, signal: AbortSignal): Promise<Plan> {
  const row = await findRow(id, services, signal)
  const plan = await planOf(row.fix, services, signal)
  return {
    ...plan,
    steps: [`Now: ${row.there}. Meant: ${row.meant}.`, ...plan.steps],
    confirm: true,
    state: { row: row.id, there: row.there, plan: plan.state },
  }
}

async function planOf(fix: Fix, services: NetworkServices, signal: AbortSignal): Promise<Plan> {
  if (fix.kind === 'expose') return await planExposure(wantedOf(fix), services, signal)
  if (fix.kind === 'unexpose') return await planTaking(fix.hostname, services, signal)
  const tunnel = await tunnelOf(services.network, signal)
  const { hostname } = fix
  const step =
    fix.kind === 'unroute'
      ? `Traefik: our route ${fix.name} for ${hostname} goes`
      : `Tunnel ${tunnel.name}: its rule for ${hostname} goes`
  const outage = fix.kind === 'unrule' ? await ingressOf(tunnel.id, services).outage(signal) : undefined
  return {
    summary: fix.kind === 'unroute' ? `Remove the route ${fix.name}` : `Remove the rule of ${hostname}`,
    steps: [outage === undefined ? step : `${step}; ${outage}`],
    affects: [],
    warnings: [],
    locks: [`tunnel/${tunnel.id}`, `hostname/${hostname}`],
    state: { ...fix },
  }
}

export async function runFix(id: string, services: NetworkServices, verbs: Verbs): Promise<Fixed> {
  const row = (await verbs.step('row', async () => {
    const { fix, subject, meant } = await findRow(id, services, verbs.signal)
    const { id: tunnel } = await tunnelOf(services.network, verbs.signal)
    return JSON.parse(JSON.stringify({ fix, subject, meant, tunnel })) as Json
  })) as unknown as {
    readonly fix: Fix
    readonly subject: string
    readonly meant: string
    readonly tunnel: string
  }
  const { fix, subject } = row
  const fixed = (done: string, alarms: readonly string[] = []): Fixed => ({ id, subject, done, alarms })
  switch (fix.kind) {
    case 'expose': {
      const { detail, alarms } = await runExposure(wantedOf(fix), services, verbs)
      return fixed(`${row.meant} (from outside: ${detail})`, alarms)
    }
    case 'unexpose': {
      const { taken, warnings, alarms } = await runTaking(fix.hostname, services, verbs)
      const mind = warnings.length === 0 ? '' : `. ${warnings.join(' ')}`
      return fixed(`taken back: ${taken.join(', ')}${mind}`, alarms)
    }
    case 'unroute':
      await dropRoute(fix.name, services, patient(verbs, services.clock))
      return fixed(`the route ${fix.name} is gone`)
    case 'unrule':
      return fixed(
        `the rule of ${fix.hostname} is gone`,
        await dropRule(fix, row.tunnel, services, patient(verbs, services.clock)),
      )
  }
}

async function dropRoute(name: string, { network }: NetworkServices, verbs: Verbs): Promise<void> {
  const { traefik } = network
  const before = await verbs.step('before', async () => (await traefik.read(name, verbs.signal)) ?? null)
  verbs.undo(`Traefik's route ${name}`, () => traefik.restore(name, before ?? undefined))
  await verbs.change<string>('route', {
    act: async () => {
      await traefik.remove(name, verbs.signal)
      return name
    },
    find: async () => ((await traefik.read(name)) === undefined ? name : undefined),
  })
  await verbs.follow('unrouted', (signal) => traefik.gone(name, signal).then(() => null))
}

async function dropRule(
  { hostname, service }: Extract<Fix, { kind: 'unrule' }>,
  tunnel: string,
  services: NetworkServices,
  verbs: Verbs,
): Promise<readonly string[]> {
  const ingress = ingressOf(tunnel, services)
  // Of several of that name, and of what somebody made of it since, only what leads where the row says.
  const isIt = isRuleTo(hostname, service)
  const before = (await verbs.step('before', async () =>
    JSON.parse(JSON.stringify((await ingress.read(verbs.signal)).find(isIt) ?? null)),
  )) as IngressRule | null
  if (before === null) return []
  const { alarms } = await changeRules(ingress, verbs, {
    hostname,
    text: `Taking ${hostname} out of the tunnel`,
    edit: (rules) => withoutRule(rules, hostname, '', isIt),
    look: 'anywhere',
    isDone: (rules) => !rules.some(isIt),
    back: async () => (rules) => (wholeRule(rules, hostname) === undefined ? placed(rules, before) : rules),
  })
  return alarms
}
