/** Who may do what, decided from memory: channel, then role or allowance, then the services' own roles. */
import type { ChannelEntry, Inventory } from '../inventory/schema.ts'
import { atLeast, givesRights } from '../operation/permission.ts'
import type { Caller, Grant, Rights, Touched } from '../operation/services.ts'
import type { Operation, Role } from '../operation/types.ts'
import { type Allowance, allowancesFor, covers, grantsOf, names } from './allowances.ts'
import * as refuse from './refusals.ts'

export interface RightsOptions {
  /** Read at every use, so that a change of the file counts at once. */
  readonly inventory: () => Inventory
  /** Those in force; none where there is no bot to keep them. */
  readonly grants?: () => readonly Grant[]
}

export function createRights({ inventory, grants = () => [] }: RightsOptions): Rights {
  const allowances = (operation: Operation, caller: Caller) =>
    allowancesFor(operation, caller, inventory(), grants())

  const permit: Rights['permit'] = (operation, caller, targets, asked) => {
    if (operation.permission === 'everyone') return
    const file = inventory()
    checkChannel(operation, caller, file)
    const given = allowances(operation, caller)
    const context = { operation, caller, inventory: file, targets, asked }
    const needed = neededRole(operation, file)
    if (!atLeast(caller.role, needed)) {
      if (given.length === 0) throw refuse.role(context, needed)
      if (targets !== undefined && !coversAll(given, targets)) throw refuse.uncovered(context, needed, given)
    }
    if (operation.risk === 'read' || targets === undefined) return
    checkServices(given, targets, context)
  }

  return {
    permit,
    offers(operation, caller) {
      try {
        permit(operation, caller)
        return true
      } catch {
        return false
      }
    },
    dependsOnTargets(operation, caller) {
      if (operation.permission === 'everyone') return false
      const file = inventory()
      if (!atLeast(caller.role, neededRole(operation, file)))
        return !allowances(operation, caller).some(({ services }) => services.length === 0) || guarded()
      return guarded()

      function guarded(): boolean {
        return (
          operation.risk !== 'read' &&
          file.services.some(({ role }) => role !== undefined && !atLeast(caller.role, role))
        )
      }
    },
    offersFor(operation, caller, name) {
      try {
        permit(operation, caller, targetsNamed(name, inventory()))
        return true
      } catch {
        return false
      }
    },
    held: (caller) => grantsOf(caller, grants()),
  }
}

/** An operation of `everyone` cannot be taken away, and the right to give rights not be lowered. */
export function neededRole(operation: Operation, { rights }: Pick<Inventory, 'rights'>): Role | 'everyone' {
  if (operation.permission === 'everyone' || givesRights(operation)) return operation.permission
  return rights.operations.get(operation.id) ?? rights.operations.get(operation.chat) ?? operation.permission
}

/** Why a caller may use it, for people; undefined when not at all. Channels are left out. */
export function why(
  operation: Operation,
  caller: Caller,
  inventory: Inventory,
  grants: readonly Grant[],
): string | undefined {
  const needed = neededRole(operation, inventory)
  if (needed === 'everyone') return 'for everyone'
  if (atLeast(caller.role, needed))
    return needed === operation.permission
      ? `role ${caller.role}`
      : `role ${caller.role}, by \`rights\` in the file`
  const given = allowancesFor(operation, caller, inventory, grants)
  if (given.length === 0) return undefined
  return given
    .map(({ services, source }) => (services.length === 0 ? source : `${services.join(', ')}: ${source}`))
    .join('; ')
}

/** As far as the file alone tells: Proxmox is not asked for a completion. */
function targetsNamed(name: string, { services }: Inventory): readonly Touched[] {
  const wanted = name.toLowerCase()
  const touched = services
    .filter((service) =>
      wanted.startsWith('@')
        ? wanted === '@all' || service.stack.toLowerCase() === wanted.slice(1)
        : [service.name, ...service.aliases, String(service.guest)].some(
            (each) => each.toLowerCase() === wanted,
          ),
    )
    .map((service) => ({
      name: service.name,
      names: [service.name, ...service.aliases, String(service.guest)],
      beside: services
        .filter((other) => other !== service && other.guest === service.guest)
        .map((other) => other.name),
      stack: service.stack,
    }))
  return touched.length > 0 ? touched : [{ name, names: [name], beside: [] }]
}

/** Of where it was asked; undefined in a direct message and where there are no channels. */
function channelOf({ channel }: Caller, { channels }: Inventory): ChannelEntry | 'unlisted' | undefined {
  if (channel === undefined || channels.length === 0) return undefined
  return (
    channels.find(({ discord, slack }) => channel === `discord:${discord}` || channel === `slack:${slack}`) ??
    'unlisted'
  )
}

function checkChannel(operation: Operation, caller: Caller, inventory: Inventory): void {
  const channel = channelOf(caller, inventory)
  if (channel === undefined) return
  if (channel === 'unlisted') throw refuse.unlisted(caller, inventory)
  if (channel.read_only && operation.risk !== 'read') throw refuse.readOnly(operation, caller, inventory)
  const { allow } = channel
  if (allow !== undefined && !allow.includes(operation.id) && !allow.includes(operation.chat))
    throw refuse.notAllowed(operation, allow, caller, inventory)
}

/** Nothing to touch is not "all of it": an allowance for some services is none for a command without any. */
const coversAll = (given: readonly Allowance[], targets: readonly Touched[]): boolean =>
  given.some(({ services }) => services.length === 0) ||
  (targets.length > 0 && targets.every((target) => given.some((allowance) => covers(allowance, target))))

/** An allowance that names the service itself is above the service's role: whoever gave it meant just this one. */
function checkServices(
  given: readonly Allowance[],
  targets: readonly Touched[],
  context: refuse.Context,
): void {
  const guarded = new Map<string, Guarded>()
  for (const { name, role, aliases } of context.inventory.services) {
    if (role === undefined || atLeast(context.caller.role, role)) continue
    const itself: Touched = { name, names: [name, ...aliases], beside: [] }
    const named = given.some(({ services }) =>
      services.some((each) => !each.startsWith('@') && names(each, itself)),
    )
    if (!named) guarded.set(name.toLowerCase(), { name, role })
  }
  if (guarded.size === 0) return
  for (const target of targets) {
    for (const called of [...target.names, ...target.beside]) {
      const found = guarded.get(called.toLowerCase())
      if (found !== undefined) throw refuse.service(context, found.name, found.role, target)
    }
  }
}

interface Guarded {
  readonly name: string
  readonly role: Role
}
