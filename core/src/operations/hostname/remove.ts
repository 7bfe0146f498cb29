/** Takes a host name out of a tunnel, in reverse: DNS first, which closes it. Only what was made from here. */

import { z } from 'zod'
import { type IngressRule, withoutRule } from '../../cloudflare/index.ts'
import { isHomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Verbs } from '../../operation/types.ts'
import { isRuleTo } from '../../tunnel/checks.ts'
import { ingressOf } from '../../tunnel/ingress.ts'
import { serviceOfRule, takesName, wholeRule } from '../../tunnel/ownership.ts'
import { changeRules } from '../../tunnel/rule-change.ts'
import { planTaking, runTaking } from '../../tunnel/unexpose.ts'
import { tunnelOf } from '../../tunnel/where.ts'
import { hinted, hostnameInput, tunnelInput, wholeName } from './inputs.ts'
import { forTunnel, type HostnameServices, hostnameNeeds, ofTunnel } from './services.ts'

const input = z.object({
  tunnel: tunnelInput,
  hostname: hostnameInput,
  leftover: z
    .boolean()
    .default(false)
    .describe('Remove a rule also when there is no record that says whose it is'),
})
type Input = z.infer<typeof input>

interface Rest {
  readonly hostname: string
  readonly tunnel: { readonly id: string; readonly name: string }
  readonly rule: IngressRule
}

/** What core needs to take it back. `rest`: nothing but a rule is there, which nothing marks. */
async function look(given: Input, all: HostnameServices, signal: AbortSignal) {
  const hostname = wholeName(given.hostname)
  const { network } = ofTunnel(all, { tunnel: given.tunnel })
  const { recent } = network
  const [{ id, name }, zone] = await Promise.all([tunnelOf(network, signal), recent.zone(hostname, signal)])
  const [{ rules }, records] = await Promise.all([
    recent.configuration(id, signal),
    recent.dnsRecords(zone.id, { name: hostname }, signal),
  ])
  const rule = wholeRule(rules, hostname)
  const alone = !records.some((each) => takesName(each) && each.name.toLowerCase() === hostname)
  const rest: Rest | undefined =
    given.leftover && alone && rule !== undefined ? { hostname, tunnel: { id, name }, rule } : undefined
  // Whatever service it leads to: which one is ours, the mark of its record says.
  const origin = rule === undefined ? 'http://127.0.0.1' : serviceOfRule(rule)
  const services = forTunnel(ofTunnel(all, { tunnel: given.tunnel, origin }))
  return { hostname, services, rest }
}

async function inWordsOfNode<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!isHomelabError(error) || !['conflict', 'not-found'].includes(error.code)) throw error
    throw hinted(
      error,
      error.code === 'conflict'
        ? 'Remove it at Cloudflare, or hand it over: write "homelab: " and a name as the comment of its record.'
        : 'Hostname: Get Many shows what the tunnel has. A rule that is left without a record goes with "Leftover".',
    )
  }
}

export const hostnameRemove = defineOperation({
  id: 'hostname.remove',
  chat: 'hostname remove',
  title: 'Remove a host name from a tunnel',
  description:
    'Its DNS record first, which closes it, then the rule of the tunnel, and its login last. Only what was made from here: what is not marked so stays.',
  risk: 'change',
  permission: 'admin',
  input,
  output: z.object({
    hostname: z.string(),
    deleted: z.boolean(),
    taken: z.array(z.string()).readonly(),
    warnings: z.array(z.string()).readonly(),
    alarms: z.array(z.string()).readonly(),
  }),
  needs: hostnameNeeds,
  async plan(given, all, { signal }) {
    const { hostname, services, rest } = await look(given, all, signal)
    if (rest === undefined) return await inWordsOfNode(planTaking(hostname, services, signal))
    return {
      summary: `Remove what is left of ${hostname}`,
      steps: [`Tunnel ${rest.tunnel.name}: its rule for ${hostname} goes, to ${serviceOfRule(rest.rule)}`],
      affects: [],
      warnings: ['Nothing says that it was made from here.'],
      locks: [`tunnel/${rest.tunnel.id}`, `hostname/${hostname}`],
      confirm: true,
      state: null,
    }
  },
  async run(given, all, verbs: Verbs) {
    const { hostname, services, rest } = await look(given, all, verbs.signal)
    if (rest === undefined)
      return { ...(await inWordsOfNode(runTaking(hostname, services, verbs))), deleted: true }
    const ingress = ingressOf(rest.tunnel.id, services)
    const isIt = isRuleTo(hostname, serviceOfRule(rest.rule))
    const { alarms } = await changeRules(ingress, verbs, {
      hostname,
      text: `Taking ${hostname} out of the tunnel`,
      edit: (rules) => withoutRule(rules, hostname, '', isIt),
      look: 'anywhere',
      isDone: (rules) => !rules.some(isIt),
    })
    return { hostname, deleted: true, taken: ["the tunnel's rule"], warnings: [], alarms }
  },
  card: ({ hostname }) => ({ title: `${hostname} is removed`, tone: 'ok' }),
})
