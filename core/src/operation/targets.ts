/** What a command would touch: known once it is parsed, and needed to say whether one may. */
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
  return touchedBy(await lab.resolve(named, { signal }), lab.inventory)
}

const lower = (text: string): string => text.toLowerCase()

export function touchedBy(targets: readonly Target[], inventory: Lab['inventory']): readonly Touched[] {
  const onGuest = new Map<string, string[]>()
  const listed = new Set<string>()
  for (const entry of inventory.services) {
    listed.add(lower(entry.name))
    const guest = lower(String(entry.guest))
    onGuest.set(guest, [...(onGuest.get(guest) ?? []), entry.name])
  }
  return targets.map(({ name, guest, service }) => {
    const here = [...(onGuest.get(String(guest.vmid)) ?? []), ...(onGuest.get(lower(guest.name)) ?? [])]
    // With services in the file, a selector finds only those.
    const selectable =
      service !== undefined && (inventory.services.length === 0 || listed.has(lower(service.name)))
    return {
      name,
      names: [...new Set([name, ...(service?.aliases ?? []), guest.name, String(guest.vmid)])].filter(
        (each) => each !== '',
      ),
      beside: here.filter((other) => lower(other) !== lower(name)),
      ...(selectable ? { stack: service.stack } : {}),
    }
  })
}
