import { z } from 'zod'
import { parseDuration } from '../../duration.ts'
import { joinWords } from '../../nearest.ts'
import { defineOperation } from '../../operation/define.ts'
import { takesTargets, touchedBy } from '../../operation/targets.ts'
import { duration } from '../../operation/view.ts'
import { GrantRow, grantRow, left, whatOf } from './row.ts'
import { type Granted, grantedBy } from './what.ts'
import { type Recipient, recipient } from './who.ts'

const MAX_MS = 30 * 86_400_000
const span = (text: string): number => parseDuration(text) ?? 0

export const grant = defineOperation({
  id: 'grant.give',
  chat: 'grant',
  title: 'Let somebody do something for a while',
  description:
    'Allows one command, on some services or on all, to one person until the time is over. `rights list` shows what is in force.',
  risk: 'change',
  immediate: true,
  permission: 'admin',
  input: z.object({
    who: z.string().min(1).max(100).describe('A mention, discord:<id>, slack:<id>, or a name of the file'),
    what: z
      .array(z.string())
      .min(1)
      .max(50)
      .describe('A command, and the services it may be used on: restart jellyfin')
      .meta({ suggest: 'commands' }),
    for: z
      .string()
      .refine((text) => span(text) > 0 && span(text) <= MAX_MS, 'up to 30 days, such as 30m, 2h or 3d')
      .describe('For how long: 30m, 2h, 3d'),
  }),
  output: GrantRow,
  positional: ['who', 'what'],
  examples: ['grant kid restart jellyfin for:2h', 'grant discord:80351110224678912 start @media for:3d'],
  needs: ['grants', 'rights', 'commands', 'caller', 'lab', 'clock'],
  plan: async (input, services, { signal }) => {
    const to = recipient(input.who, services.lab.inventory)
    const granted = await grantedBy(input.what, services, signal)
    const { operation, services: names, targets } = granted
    const on = names.length > 0 ? ` on ${joinWords(names)}` : ''
    return {
      summary: `Let ${to.name} use "${operation.chat}"${on} for ${duration(span(input.for))}`,
      steps: [
        `${described(to)} may use "${operation.chat}"${on || (takesTargets(operation) ? ' on every service and guest' : '')}`,
        `After ${duration(span(input.for))} that ends by itself`,
      ],
      affects: [],
      warnings: warningsFor(to, granted, touchedBy(targets, services.lab.inventory)),
      locks: [],
      // Few are the reasons to hand on a whole command, or one that destroys: nobody should by a slip.
      confirm: operation.risk === 'destructive' || (names.length === 0 && operation.risk !== 'read'),
      state: { to: to.to, operation: operation.id, services: names, for: span(input.for) },
    }
  },
  run: async (input, services, { signal }) => {
    const { grants, caller, clock, lab, commands } = services
    const { to, name } = recipient(input.who, lab.inventory)
    const { operation, services: names } = await grantedBy(input.what, services, signal)
    const now = clock.now()
    const given = await grants.give({
      to,
      name,
      operation: operation.id,
      services: names,
      until: new Date(now.getTime() + span(input.for)).toISOString(),
      by: { id: caller.id, name: caller.name },
    })
    return grantRow(given, commands.registry, now)
  },
  card: (output) => ({
    title: `${output.name} may ${whatOf(output)} for ${left(output)}`,
    tone: 'ok',
    buttons: [{ label: 'Revoke', action: { kind: 'command', text: `rights revoke ${output.id}` } }],
    footer: `grant ${output.id} · until ${output.until.slice(0, 16).replace('T', ' ')} UTC`,
  }),
})

const described = ({ to, name, person }: Recipient): string => {
  if (person === undefined) return `${to}, who is not in homelab.yaml,`
  if (to.startsWith('person:') && (person.discord_role ?? person.slack_group) !== undefined)
    return `Everyone in ${name}`
  return name === to ? to : `${name} (${to.startsWith('person:') ? person.role : to})`
}

function warningsFor(
  to: Recipient,
  { operation, services, targets }: Granted,
  touched: ReturnType<typeof touchedBy>,
): readonly string[] {
  if (operation.risk === 'read') return []
  const warnings: string[] = []
  if (services.length === 0 && takesTargets(operation)) warnings.push('It is for every service and guest.')
  for (const { service } of targets) {
    if (service?.role === undefined || !services.includes(service.name)) continue
    warnings.push(`${service.name} is otherwise changed by the role ${service.role} only.`)
  }
  const named = new Set(touched.flatMap(({ names }) => names))
  for (const { name, beside } of touched) {
    const others = beside.filter((other) => !named.has(other))
    if (others.length > 0) warnings.push(`${joinWords(others)} shares the guest of ${name}.`)
  }
  if (to.person === undefined) warnings.push(`Nobody in homelab.yaml has the id ${to.to}.`)
  return warnings
}
