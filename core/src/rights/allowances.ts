/** What one person may do beyond the role: `may` of the file for good, grants for a while. */
import type { Inventory } from '../inventory/schema.ts'
import { givesRights } from '../operation/permission.ts'
import type { Caller, Grant, Touched } from '../operation/services.ts'
import type { Operation } from '../operation/types.ts'

export interface Allowance {
  /** Services, guests, `@stack`; none: whatever the operation is asked for. */
  readonly services: readonly string[]
  /** Where it comes from, for people. */
  readonly source: string
}

export const grantsOf = (caller: Caller, grants: readonly Grant[]): readonly Grant[] =>
  grants.filter(
    ({ to }) => to === caller.id || (caller.person !== undefined && to === `person:${caller.person}`),
  )

export function allowancesFor(
  operation: Operation,
  caller: Caller,
  inventory: Inventory,
  grants: readonly Grant[],
): readonly Allowance[] {
  if (givesRights(operation)) return []
  const person = inventory.people.find(({ name }) => name === caller.person)
  return [
    ...(person?.may ?? []).flatMap((text) => {
      const services = servicesIn(text, operation)
      return services === undefined ? [] : { services, source: `"${text}" of ${person?.name} in the file` }
    }),
    ...grantsOf(caller, grants)
      .filter((grant) => grant.operation === operation.id)
      .map(({ services, id, by, until }) => ({
        services,
        source: `grant ${id} of ${by.name}, until ${until}`,
      })),
  ]
}

/** `restart jellyfin` → `['jellyfin']` when it is about this operation. */
function servicesIn(text: string, operation: Operation): readonly string[] | undefined {
  const name = [operation.chat, operation.id].find((each) => text === each || text.startsWith(`${each} `))
  return name === undefined
    ? undefined
    : text
        .slice(name.length)
        .split(' ')
        .filter((word) => word !== '')
}

const lower = (text: string): string => text.toLowerCase()

/** Whether a name or selector means this target. */
export function names(selector: string, target: Touched): boolean {
  const wanted = lower(selector)
  if (wanted === '@all') return true
  if (wanted.startsWith('@')) return target.stack !== undefined && lower(target.stack) === wanted.slice(1)
  return target.names.some((name) => lower(name) === wanted)
}

/** One without services covers everything; others only what they name, and only when there is something. */
export const covers = (allowance: Allowance, target: Touched): boolean =>
  allowance.services.length === 0 || allowance.services.some((each) => names(each, target))
