/** Which plans of homelab.yaml will save what is made, and the one that is added when none does. Pure. */
import type { Inventory } from '../inventory/schema.ts'
import type { Blueprint } from './blueprint.ts'
import type { Found } from './types.ts'

/** @returns whether its guest is saved, and by which plans what of it is, in words */
export function savedBy(
  name: string,
  { stack, database, mounts }: Blueprint,
  { backups, unprotected }: Inventory,
): { readonly guest: boolean; readonly words: readonly string[] } {
  const words: string[] = []
  let guest = false
  for (const plan of backups) {
    if (plan.method === 'vzdump') {
      const named = plan.guests.some((each) => ['@all', `@${stack}`, name].includes(each.toLowerCase()))
      if (!named) continue
      guest = true
      words.push(`its guest by ${plan.name}`)
    } else if (plan.method === 'pg_dump') {
      if (database === undefined) continue
      if (plan.databases === undefined || plan.databases.includes(database.name))
        words.push(`its database by ${plan.name}`)
    } else {
      const inside = mounts.filter(({ source }) => plan.paths.some((path) => isIn(source, path)))
      if (plan.service === undefined && inside.length > 0)
        words.push(`${inside.map(({ source }) => source).join(', ')} by ${plan.name}`)
    }
  }
  for (const { source } of mounts) {
    const why = unprotected.find(({ what }) => what.startsWith('/') && isIn(source, what))?.why
    if (why !== undefined) words.push(`${source} by nobody, as homelab.yaml says: ${why}`)
  }
  return { guest, words }
}

const isIn = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`)

/** Like the first plan by vzdump of the file; null: there is none to go by, or it is not wanted. */
export function planFor(name: string, { backup }: Blueprint, { backups }: Inventory): Found['plan'] {
  const model = backups.find((plan) => plan.method === 'vzdump')
  if (!backup || model === undefined) return null
  const taken = new Set(backups.map((plan) => plan.name))
  // A plan for its files or its database may have its name.
  const key = [name, `${name}-guest`, `guest-of-${name}`].find((each) => !taken.has(each))
  if (key === undefined) return null
  const entry = {
    method: 'vzdump',
    guests: [name],
    to: [...model.to],
    schedule: model.schedule,
    ...(model.retention === undefined ? {} : { retention: model.retention }),
  }
  return { key, entry }
}
