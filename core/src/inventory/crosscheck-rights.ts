/** What no single entry of the rights can tell: one id for two, and names of operations and services that are none. */
import { z } from 'zod'
import { knownService } from '../health/catalogue.ts'
import { givesRights } from '../operation/permission.ts'
import type { Risk, Role } from '../operation/types.ts'
import { otherStack } from './defaults.ts'
import { didYouMean } from './problems.ts'
import type { Path } from './yaml.ts'

/** What the file may name as an operation. */
export interface KnownOperation {
  readonly id: string
  readonly chat: string
  readonly permission: Role | 'everyone'
  readonly risk: Risk
  readonly immediate?: boolean
}

export type Report = (path: Path, message: string, part?: 'key' | 'value') => void

// Lenient, as in crosscheck.ts: what is wrong in itself is reported elsewhere.
const strings = z.array(z.unknown()).catch([])
const entries = <T extends z.ZodType>(entry: T) => z.record(z.string(), entry).catch({})
const optionalText = z.string().optional().catch(undefined)
const ids = z.union([z.string().transform((id) => [id]), z.array(z.string())]).catch([])
const personIds = { discord: ids, slack: ids, discord_role: ids, slack_group: ids, token: ids }
const nobody = { discord: [], slack: [], discord_role: [], slack_group: [], token: [], may: [] }
const Written = z.object({
  services: entries(
    z
      .object({
        guest: z.union([z.string(), z.number()]).optional().catch(undefined),
        kind: optionalText,
        stack: optionalText,
        aliases: strings,
      })
      .catch({ guest: undefined, kind: undefined, stack: undefined, aliases: [] }),
  ),
  people: entries(z.object({ ...personIds, may: strings }).catch(nobody)),
  channels: entries(
    z
      .object({ discord: optionalText, slack: optionalText, ops: z.boolean().catch(false), allow: strings })
      .catch({ discord: undefined, slack: undefined, ops: false, allow: [] }),
  ),
  rights: z.object({ operations: entries(z.unknown()) }).catch({ operations: {} }),
  approve: z
    .array(z.object({ what: strings, services: strings }).catch({ what: [], services: [] }))
    .catch([]),
  bot: z.object({ needs: strings }).catch({ needs: [] }),
  confirm: strings,
})
type Written = z.output<typeof Written>

/** @param operations absent: names of operations are not looked at */
export function checkRights(
  value: unknown,
  report: Report,
  operations: readonly KnownOperation[] | undefined,
): void {
  const parsed = Written.safeParse(value)
  if (!parsed.success) return
  const written = parsed.data
  checkPeople(written, report)
  checkChannels(written, report)
  const serviceAt = createServiceCheck(written, report)
  each(written.bot.needs, (name, index) => serviceAt(['bot', 'needs', index], name))
  for (const [index, { services }] of written.approve.entries())
    each(services, (name, at) => serviceAt(['approve', index, 'services', at], name))
  if (operations !== undefined) checkOperations(written, report, operations, serviceAt)
}

function checkPeople({ people }: Written, report: Report): void {
  const owners = new Map<string, string>()
  for (const [name, { may: _, ...platforms }] of Object.entries(people)) {
    for (const [platform, list] of Object.entries(platforms)) {
      for (const id of list) {
        const other = owners.get(`${platform}:${id}`)
        if (other === undefined) owners.set(`${platform}:${id}`, name)
        else report(['people', name, platform], `${id} is already the id of ${other}`)
      }
    }
  }
}

function checkChannels({ channels }: Written, report: Report): void {
  const owners = new Map<string, string>()
  for (const [name, channel] of Object.entries(channels)) {
    for (const platform of ['discord', 'slack'] as const) {
      const id = channel[platform]
      if (id === undefined) continue
      const other = owners.get(`${platform}:${id}`)
      if (other === undefined) owners.set(`${platform}:${id}`, name)
      else report(['channels', name, platform], `${id} is already the id of ${other}`)
      if (!channel.ops) continue
      const ops = owners.get(`${platform} ops`)
      if (ops === undefined) owners.set(`${platform} ops`, name)
      else report(['channels', name, 'ops'], `${ops} gets the notices on this platform already`)
    }
  }
}

type ServiceCheck = (path: Path, name: string) => void

/** Without services in the file, every live guest may be meant; a VMID may be one that is in no file. */
function createServiceCheck({ services }: Written, report: Report): ServiceCheck {
  const written = Object.entries(services)
  if (written.length === 0) return () => {}
  const names = written.flatMap(([name, { guest, aliases }]) => [
    name,
    ...(typeof guest === 'string' ? [guest] : []),
    ...aliases.filter((alias) => typeof alias === 'string'),
  ])
  const stackOf = ([name, { kind, stack }]: (typeof written)[number]) =>
    stack ?? knownService(kind ?? name)?.stack ?? otherStack
  const stacks = ['@all', ...new Set(written.map((entry) => `@${stackOf(entry)}`))]
  const known = new Set([...names, ...stacks].map(lower))
  return (path, name) => {
    if (known.has(lower(name)) || /^\d+$/.test(name)) return
    report(
      path,
      name.startsWith('@')
        ? `there is no stack "${name}".${didYouMean(name, stacks)}`
        : `there is no service "${name}".${didYouMean(name, names)}`,
    )
  }
}

function checkOperations(
  written: Written,
  report: Report,
  operations: readonly KnownOperation[],
  serviceAt: ServiceCheck,
): void {
  const names = operations.flatMap(({ chat, id }) => [chat, id])
  const longestFirst = names.toSorted((a, b) => b.length - a.length)
  const find = (name: string) => operations.find(({ chat, id }) => name === chat || name === id)
  const check = (path: Path, name: string, part?: 'key'): KnownOperation | undefined => {
    const found = find(name)
    if (found === undefined) report(path, `there is no operation "${name}".${didYouMean(name, names)}`, part)
    return found
  }

  each(written.confirm, (name, index) => check(['confirm', index], name))
  for (const [channel, { allow }] of Object.entries(written.channels))
    each(allow, (name, index) => check(['channels', channel, 'allow', index], name))
  for (const [rule, { what }] of written.approve.entries())
    each(what, (name, index) => {
      const path = ['approve', rule, 'what', index]
      const found = check(path, name)
      if (found?.risk === 'read') report(path, `"${name}" changes nothing, so there is nothing to approve`)
      else if (found?.immediate === true)
        report(path, `"${name}" is done at once and cannot wait for an approval`)
    })
  for (const name of Object.keys(written.rights.operations)) {
    const path = ['rights', 'operations', name]
    const found = check(path, name, 'key')
    if (found?.permission === 'everyone') report(path, `"${name}" is for everyone, always`, 'key')
    else if (found !== undefined && givesRights(found)) report(path, `"${name}" is for admins, always`, 'key')
  }
  for (const [person, { may }] of Object.entries(written.people)) {
    each(may, (text, index) => {
      const path = ['people', person, 'may', index]
      const name = longestFirst.find((known) => text === known || text.startsWith(`${known} `))
      if (name === undefined) return void check(path, text.split(' ', 2)[0] ?? text)
      const found = find(name)
      if (found !== undefined && givesRights(found)) report(path, `"${name}" is for admins only`)
      for (const service of text
        .slice(name.length)
        .split(' ')
        .filter((word) => word !== ''))
        serviceAt(path, service)
    })
  }
}

const each = (list: readonly unknown[], check: (name: string, index: number) => void): void => {
  for (const [index, name] of list.entries()) if (typeof name === 'string') check(name, index)
}

const lower = (text: string): string => text.toLowerCase()
