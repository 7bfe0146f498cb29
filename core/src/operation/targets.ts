/** What a command would touch: known once it is parsed, and needed to say whether one may. */
import { isHomelabError } from '../errors.ts'
import { templateTarget } from '../inventory/template.ts'
import type { Lab, Target } from '../inventory/types.ts'
import type { Guest } from '../proxmox/types.ts'
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

/**
 * @throws HomelabError as `lab.resolve` does, but for the VMID of a guest that is gone (an archive may bring it back), and for
 * a host name: it stands for what the file has under it
 */
export async function targetsOf(
  operation: Operation,
  input: Readonly<Record<string, unknown>>,
  lab: Lab,
  signal: AbortSignal,
): Promise<readonly Touched[]> {
  const typed = namedIn(operation, input)
  if (typed.length === 0) return []
  const named = await Promise.all(typed.map((name) => behindHost(name, lab, signal)))
  const templates = await Promise.all(named.map((name) => templateTarget(lab, name, signal)))
  const others = named.filter((_, index) => templates[index] === undefined)
  const gone = others.length === 0 ? [] : await goneOf(others, lab, signal)
  const there = others.filter((name) => !gone.includes(name))
  const targets = there.length === 0 ? [] : await lab.resolve(there, { signal })
  const touched = touchedBy([...templates.filter((each) => each !== undefined), ...targets], lab.inventory)
  if (gone.length === 0) return touched
  const { guests } = await lab.overview({ signal })
  return [...touched, ...gone.map((name) => touchedGone(name.trim(), guests, lab.inventory))]
}

const VMID = /^[1-9]\d{2,8}$/
/** `media.example.org`; guests may be called so, too. */
const HOST = /^[^\s@/:]+\.[^\s@/:]+$/

async function isThere(name: string, lab: Lab, signal: AbortSignal): Promise<boolean> {
  try {
    await lab.resolve([name], { signal })
    return true
  } catch (error) {
    if (isHomelabError(error) && error.code === 'not-found') return false
    throw error
  }
}

/** The service of the file behind a host name; every other name is as it is. */
async function behindHost(name: string, lab: Lab, signal: AbortSignal): Promise<string> {
  const route = lab.inventory.network.routes.find(({ hostname }) => lower(hostname) === lower(name.trim()))
  return route === undefined || (await isThere(name, lab, signal)) ? name : route.service
}

/** Of the names those VMIDs and host names that nothing has. */
async function goneOf(names: readonly string[], lab: Lab, signal: AbortSignal): Promise<readonly string[]> {
  const found = await Promise.all(
    names.map(async (name) =>
      (VMID.test(name.trim()) || HOST.test(name.trim())) && !(await isThere(name, lab, signal)) ? [name] : [],
    ),
  )
  return found.flat()
}

/**
 * Every service of the file that may have been on it: a name that no guest has may have been its own. A host name that is not in
 * the file may lead to anything: no right to some services is one to it.
 */
function touchedGone(vmid: string, guests: readonly Guest[], { services }: Lab['inventory']): Touched {
  if (!VMID.test(vmid)) return { name: vmid, names: [vmid], beside: [] }
  const known = new Set(guests.flatMap((guest) => [String(guest.vmid), lower(guest.name)]))
  const beside = services.filter(({ guest }) => String(guest) === vmid || !known.has(lower(String(guest))))
  return { name: vmid, names: [vmid], beside: beside.map(({ name }) => name) }
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
