/** Leads a host name through a tunnel: Access, the rule, DNS last. Whole or not at all. */

import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import type { Json, Verbs } from '../../operation/types.ts'
import type { Found } from '../../tunnel/find.ts'
import { ingressOf } from '../../tunnel/ingress.ts'
import { guard, isNamed, isRuled, record, rule } from '../../tunnel/steps.ts'
import { patient } from '../../tunnel/undo.ts'
import { accessRule, hostnameInput, serviceOf, tunnelInput, wholeName } from './inputs.ts'
import { lookAt, type Wanted } from './look.ts'
import { forTunnel, type HostnameServices, hostnameNeeds, ofTunnel } from './services.ts'

const input = z.object({
  tunnel: tunnelInput,
  hostname: hostnameInput,
  service: z
    .string()
    .min(1)
    .max(300)
    .describe('Where cloudflared finds it: a reverse proxy, or the service itself'),
  allow: z
    .array(z.string().min(1).max(253))
    .max(50)
    .default([])
    .describe('Who may log in: e-mail addresses, domains of them, IDs of Access groups'),
  public: z.boolean().default(false).describe('Let everybody in, without a login'),
  session: z
    .string()
    .regex(/^(?=\d)(\d+h)?(\d+m)?$/, 'such as 24h')
    .default('24h')
    .describe('How long a login lasts'),
  label: z
    .string()
    .regex(/^[\w.-]{1,60}$/, 'letters, digits, dots and dashes, at most 60')
    .optional()
    .describe('Whose it is, in the comment of its record; not given: the first part of the host name'),
  enforce: z.boolean().default(true).describe('Let cloudflared itself refuse requests without a login, too'),
  down: z.boolean().default(false).describe('Add it although no connector is connected'),
})
type Input = z.infer<typeof input>

function prepared(given: Input, services: HostnameServices) {
  const hostname = wholeName(given.hostname)
  const allow = given.allow.map(accessRule)
  const wanted: Wanted = {
    hostname,
    service: serviceOf(given.service),
    allow,
    public: given.public,
    label: given.label ?? hostname.split('.')[0] ?? hostname,
    enforce: given.enforce,
    down: given.down,
  }
  const access = {
    allow: allow.flatMap((each) => ('everyone' in each ? [] : [each])),
    session: given.session,
  }
  return { wanted, services: ofTunnel(services, { tunnel: given.tunnel, origin: wanted.service, access }) }
}

function stepsOf(found: Found): readonly string[] {
  const { hostname, guards, front, tunnel, ruleBefore, record: there } = found
  const over = there === null ? '' : `, over the record that is marked "${there.comment}"`
  const known = guards.flatMap(({ there }) => (there === null ? [] : [there]))
  const ruled = known.length === guards.length && isRuled(found, known)
  return [
    ...guards.map(({ domain, there }) =>
      there === null
        ? `Access: a login before ${domain}`
        : `Access: "${there.name}" stands before ${domain} already`,
    ),
    ruled
      ? `Tunnel ${tunnel.name}: its rule for ${hostname} is there already`
      : `Tunnel ${tunnel.name}: ${hostname} to ${front.origin}${ruleBefore === null ? '' : ', instead of what it was'}`,
    isNamed(found)
      ? 'DNS: its record leads to the tunnel already'
      : `DNS, last: ${hostname} to the tunnel${over}`,
  ]
}

export const hostnameAdd = defineOperation({
  id: 'hostname.add',
  chat: 'hostname add',
  title: 'Add a host name to a tunnel',
  description:
    'A login before it by Access, a rule of the tunnel, and its DNS record last. What fails takes the rest back; other rules and records are never touched.',
  risk: 'change',
  permission: 'admin',
  input,
  output: z.object({
    hostname: z.string(),
    url: z.string(),
    service: z.string(),
    tunnel: z.string(),
    public: z.boolean(),
    /** Whether anything had to be done. */
    changed: z.boolean(),
    warnings: z.array(z.string()).readonly(),
    /** Another writer was at the tunnel's rules at the same time. */
    alarms: z.array(z.string()).readonly(),
  }),
  needs: hostnameNeeds,
  async plan(given, all, { signal }) {
    const { wanted, services } = prepared(given, all)
    const found = await lookAt(wanted, services, signal)
    const { hostname, tunnel } = found
    return {
      summary: `Lead ${hostname} through the tunnel ${tunnel.name}${wanted.public ? ' for everyone' : ', behind a login'}`,
      steps: stepsOf(found),
      affects: [],
      warnings: found.warnings,
      locks: [`tunnel/${tunnel.id}`, `hostname/${hostname}`],
      confirm: wanted.public || !tunnel.up,
      state: null,
    }
  },
  async run(given, all, verbs: Verbs) {
    const { wanted, services } = prepared(given, all)
    const found = (await verbs.step('look', async () =>
      structured(await lookAt(wanted, services, verbs.signal)),
    )) as unknown as Found
    const steps = forTunnel(services)
    const work = {
      found,
      services: steps,
      verbs: patient(verbs, services.clock),
      ingress: ingressOf(found.tunnel.id, steps),
    }
    const apps = await guard(work)
    const ruled = isRuled(found, apps)
    const alarms = ruled ? [] : await rule(work, apps)
    const named = await record(work)
    return {
      hostname: found.hostname,
      url: `https://${found.hostname}`,
      service: wanted.service,
      tunnel: found.tunnel.name,
      public: wanted.public,
      changed: named || !ruled || found.guards.some(({ there }) => there === null),
      warnings: found.warnings,
      alarms,
    }
  },
  card: ({ hostname, changed, alarms }) => ({
    title: changed ? `${hostname} is there` : `${hostname} was there already`,
    tone: alarms.length > 0 ? 'error' : 'ok',
  }),
})

const structured = (value: unknown): Json => JSON.parse(JSON.stringify(value)) as Json
