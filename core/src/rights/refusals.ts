/** What a refusal says: which right is missing, and who can give it by which command. */
import { HomelabError } from '../errors.ts'
import type { ChannelEntry, Inventory } from '../inventory/schema.ts'
import { joinWords } from '../nearest.ts'
import { givesRights } from '../operation/permission.ts'
import type { Caller, Touched } from '../operation/services.ts'
import type { Operation, Role } from '../operation/types.ts'
import { quoteWord } from '../operation/words.ts'
import { type Allowance, covers } from './allowances.ts'

export interface Context {
  readonly operation: Operation
  readonly caller: Caller
  readonly inventory: Inventory
  readonly targets: readonly Touched[] | undefined
  /** As they were typed: for the command in the hint only. */
  readonly asked: readonly string[] | undefined
}

const maxShown = 5

const denied = (message: string, hint: string, context: Partial<Context>, needed?: string): HomelabError =>
  new HomelabError('denied', message, {
    hint,
    data: {
      ...(needed === undefined ? {} : { needed }),
      role: context.caller?.role,
      caller: context.caller?.id,
      ...(context.caller?.channel === undefined ? {} : { channel: context.caller.channel }),
      targets: context.targets?.map(({ name }) => name) ?? context.asked ?? [],
    },
  })

export function role(context: Context, needed: string): HomelabError {
  const { operation, caller } = context
  const standing = caller.role === 'nobody' ? 'is not in homelab.yaml' : `is ${caller.role}`
  return denied(
    `"${operation.chat}" needs the role ${needed}; ${caller.name} ${standing}.`,
    wayOut(context),
    context,
    needed,
  )
}

export function uncovered(context: Context, needed: string, given: readonly Allowance[]): HomelabError {
  const { operation, caller, targets = [] } = context
  const missing = targets.filter((target) => !given.some((allowance) => covers(allowance, target)))
  const what = missing.length === 0 ? 'this' : list(missing.map(({ name }) => name))
  const allowed = list([...new Set(given.flatMap(({ services }) => services))])
  return denied(
    `${caller.name} may use "${operation.chat}" on ${allowed}, not on ${what}: that needs the role ${needed}.`,
    wayOut({ ...context, targets: missing }),
    context,
    needed,
  )
}

export function service(context: Context, name: string, needed: Role, target: Touched): HomelabError {
  const who = needed === 'admin' ? 'admins' : `${needed}s and above`
  const beside = target.beside.includes(name) ? ` It shares a guest with ${target.name}.` : ''
  return denied(
    `${name} may be changed by ${who} only; ${context.caller.name} is ${context.caller.role}.${beside}`,
    wayOut({ ...context, targets: [{ ...target, name }] }),
    context,
    needed,
  )
}

export function unlisted(caller: Caller, inventory: Inventory): HomelabError {
  const where = channelsLike(caller, inventory, () => true)
  return denied(
    'homelab is not used in this channel.',
    `${where === '' ? 'It' : `Ask in ${where}; it`} also works in a direct message. Channels are listed under \`channels\` in homelab.yaml.`,
    { caller },
  )
}

export function readOnly(operation: Operation, caller: Caller, inventory: Inventory): HomelabError {
  return denied(
    `This channel is for looking only: "${operation.chat}" changes something.`,
    elsewhere(operation, caller, inventory),
    { caller },
  )
}

export function notAllowed(
  operation: Operation,
  allow: readonly string[],
  caller: Caller,
  inventory: Inventory,
): HomelabError {
  return denied(
    `"${operation.chat}" is not used in this channel; ${list(allow)} ${allow.length === 1 ? 'is' : 'are'}.`,
    elsewhere(operation, caller, inventory),
    { caller },
  )
}

function elsewhere(operation: Operation, caller: Caller, inventory: Inventory): string {
  const fits = ({ read_only: readOnlyHere, allow }: ChannelEntry) =>
    (!readOnlyHere || operation.risk === 'read') &&
    (allow === undefined || allow.includes(operation.id) || allow.includes(operation.chat))
  const where = channelsLike(caller, inventory, fits)
  return where === '' ? 'Ask in a direct message.' : `Ask in ${where}, or in a direct message.`
}

/** Names of the file's channels on the caller's platform. */
function channelsLike(
  { channel = '' }: Caller,
  { channels }: Inventory,
  fits: (entry: ChannelEntry) => boolean,
): string {
  const on = channel.startsWith('slack:') ? 'slack' : 'discord'
  const found = channels.filter((entry) => entry[on] !== undefined && fits(entry)).map(({ name }) => name)
  return found.length === 0 ? '' : joinWords(found.slice(0, maxShown), 'or')
}

/** The command or the lines of the file that would change it, and who can do that. */
function wayOut(context: Context): string {
  const { operation, caller, inventory } = context
  const who = adminsOf(inventory)
  if (caller.role === 'nobody') {
    const lines = personLines(caller)
    if (lines !== undefined) return `${who} can add this to homelab.yaml:\n${lines}`
  }
  if (givesRights(operation)) return `Rights are given by ${who}.`
  const ids = /^(?:discord|slack):/.test(caller.id)
  if (!ids) return `Roles are under \`people\` and \`console\` in homelab.yaml.`
  return `${who} can: ${grantCommand(context)}`
}

export function grantCommand({ operation, caller, targets, asked }: Context): string {
  const named = targets !== undefined && targets.length > 0 ? targets.map(({ name }) => name) : (asked ?? [])
  const words = [operation.chat, ...named.slice(0, 20).map((name) => quoteWord(short(name)))]
  return `/homelab grant ${caller.id} ${words.join(' ')} for:2h`
}

export const adminsOf = ({ people }: Inventory): string => {
  const admins = people.filter((person) => person.role === 'admin').map(({ name }) => name)
  return admins.length === 0 ? 'Whoever keeps homelab.yaml' : joinWords(admins.slice(0, maxShown), 'or')
}

/** What the file needs to know them, as one would paste it. */
export function personLines({ id, name }: Pick<Caller, 'id' | 'name'>): string | undefined {
  const [, platform, user] = /^(discord|slack):([A-Z0-9]+)$/.exec(id) ?? []
  if (platform === undefined || user === undefined) return undefined
  const key = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '')
    .replace(/^[._-]+/, '')
    .slice(0, 30)
  const written = platform === 'discord' ? `'${user}'` : user
  return [
    'people:',
    `  ${/[a-z]/.test(key) ? key : 'somebody'}:`,
    '    role: viewer # or operator, admin',
    `    ${platform}: ${written}`,
  ].join('\n')
}

const short = (text: string): string => (text.length > 60 ? `${text.slice(0, 60)}…` : text)

const list = (words: readonly string[]): string =>
  words.length > maxShown
    ? `${words.slice(0, maxShown).join(', ')} and ${words.length - maxShown} more`
    : joinWords(words)
