/** What a command would touch: known once it is parsed, and needed to say whether one may. */
import { templateTarget } from '../inventory/template.ts'
import type { Lab, Target } from '../inventory/types.ts'
import { fieldsOf } from './fields.ts'
import type { Touched } from './services.ts'
import type { Operation } from './types.ts'

/** Services and guests as they were typed. */
export const namedIn = (operation: Operation, input: Readonly<Record<string, unknown>>): readonly string[] =>
  fieldsOf(operation)
    .filter(({ suggest }) => suggest === 'services' || suggest === 'guests')
    .flatMap(({ name }) => input[name] ?? [])
    .filter((value) => typeof value === 'string')

/** Whether it is asked for services or guests at all. */
export const takesTargets = (operation: Operation): boolean =>
  fieldsOf(operation).some(({ suggest }) => suggest === 'services' || suggest === 'guests')

/** @throws HomelabError as `lab.resolve` does */
export async function targetsOf(
  operation: Operation,
  input: Readonly<Record<string, unknown>>,
  lab: Lab,
  signal: AbortSignal,
): Promise<readonly Touched[]> {
  const named = namedIn(operation, input)
  if (named.length === 0) return []
  const templates = await Promise.all(named.map((name) => templateTarget(lab, name, signal)))
  const others = named.filter((_, index) => templates[index] === undefined)
  const targets = others.length === 0 ? [] : await lab.resolve(others, { signal })
  return touchedBy([...templates.filter((each) => each !== undefined), ...targets], lab.inventory)
}

const lower = (text: string): string => text.toLowerCase()

export function touchedBy(targets: readonly Target[], inventory: Lab['inventory']): readonly Touched[] {
  const listed = new Map<string, string>()
  const onGuest = new Map<string, string[]>()
  for (const { name, aliases, guest } of inventory.services) {
    for (const each of [name, ...aliases]) listed.set(lower(each), name)
    const here = onGuest.get(lower(String(guest)))
    if (here === undefined) onGuest.set(lower(String(guest)), [name])
    else here.push(name)
  }
  return targets.map(({ name, guest, service }) => {
    const here = [...(onGuest.get(String(guest.vmid)) ?? []), ...(onGuest.get(lower(guest.name)) ?? [])]
    // A guest may be called like a service of the file that is elsewhere: a right to that one is none to this.
    const own = (each: string): boolean => {
      const meant = listed.get(lower(each))
      return each !== '' && (meant === undefined || meant === service?.name || here.includes(meant))
    }
    // With services in the file, a selector finds only those.
    const selectable =
      service !== undefined && (inventory.services.length === 0 || listed.has(lower(service.name)))
    return {
      name,
      names: [...new Set([name, ...(service?.aliases ?? []), guest.name].filter(own)), String(guest.vmid)],
      beside: here.filter((other) => lower(other) !== lower(name)),
      ...(selectable ? { stack: service.stack } : {}),
    }
  })
}
