/** Which blueprint a service was made from, which says whose database on the shared PostgreSQL is its own. */
import { isHomelabError } from '../errors.ts'
import type { Target } from '../inventory/types.ts'
import type { Needed } from '../operation/types.ts'
import type { NamedBlueprint } from './blueprint.ts'
import { titleIn } from './label.ts'

export interface Origin {
  readonly from: NamedBlueprint | undefined
  /** Of a database that may be its own, and that nobody knows of. */
  readonly warnings: readonly string[]
}

/**
 * By what homelab.yaml says, or its own name, unless another service is noted to be of that. What only looks like another is never
 * taken for it: it may be somebody else's.
 */
export async function originOf(
  target: Target,
  services: Needed<readonly ['lab', 'proxmox', 'blueprints']>,
  signal: AbortSignal,
): Promise<Origin> {
  const all = await services.blueprints.list()
  const { name, service } = target
  const noted = service?.blueprint?.toLowerCase()
  const from = all.find((each) => each.name === (noted ?? name.toLowerCase()))
  const others = services.lab.inventory.services.filter((each) => each.name !== name)
  const database = from?.blueprint.database
  // Its name alone says it, and another was made from that for certain: there is no second database of that name.
  const theirs = others.find((each) => each.blueprint?.toLowerCase() === from?.name)
  if (noted === undefined && from !== undefined && database !== undefined && theirs !== undefined)
    return {
      from: undefined,
      warnings: [
        `It has the name of the blueprint ${from.name}, from which ${theirs.name} was made: the database ${database.name} is that of ${theirs.name}, and it stays.`,
      ],
    }
  if (from !== undefined) return { from, warnings: [] }
  if (noted !== undefined)
    return {
      from,
      warnings: [
        `Its blueprint ${noted} is gone: whether it has a database is not known. If it has one, it stays.`,
      ],
    }
  const title = await titleOf(target, services, signal)
  const alike = all.filter(({ name: called, blueprint }) => {
    if (blueprint.database === undefined) return false
    // Theirs, then: there is no second database of that name.
    if (others.some((each) => (each.blueprint ?? each.name).toLowerCase() === called)) return false
    return blueprint.title === title || (blueprint.kind ?? called) === service?.kind
  })
  return {
    from,
    warnings: alike.map(
      ({ name: called, blueprint }) =>
        `It looks like one of the blueprint ${called}: whether the database ${blueprint.database?.name} is its own is not known, and it stays. \`blueprint: ${called}\` in its entry of homelab.yaml says that it is.`,
    ),
  }
}

/** As its guest is marked; undefined when it is not, or cannot be read. */
async function titleOf(
  { guest }: Target,
  { proxmox }: Needed<readonly ['proxmox']>,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    return titleIn(String((await proxmox.guestConfig(guest, signal)).description ?? ''))
  } catch (error) {
    signal.throwIfAborted()
    if (!isHomelabError(error)) throw error
    return undefined
  }
}
