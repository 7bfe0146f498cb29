/** What is granted: an operation, and the services or guests it may be used on. */
import { HomelabError } from '../../errors.ts'
import type { Lab, Target } from '../../inventory/types.ts'
import { didYouMean } from '../../nearest.ts'
import { givesRights } from '../../operation/permission.ts'
import type { Caller, Commands, Rights } from '../../operation/services.ts'
import { takesTargets, touchedBy } from '../../operation/targets.ts'
import type { Operation } from '../../operation/types.ts'
import { one } from '../guest/one.ts'

export interface Granted {
  readonly operation: Operation
  /** As the lab calls them; selectors as they are. */
  readonly services: readonly string[]
  readonly targets: readonly Target[]
}

interface GrantServices {
  readonly lab: Lab
  readonly rights: Rights
  readonly commands: Commands
  readonly caller: Caller
}

/**
 * One may not grant what one may not do.
 * @throws HomelabError `not-found`, `usage`, `denied`
 */
export async function grantedBy(
  words: readonly string[],
  { lab, rights, commands, caller }: GrantServices,
  signal: AbortSignal,
): Promise<Granted> {
  const typed = words.flatMap((word) => word.split(/\s+/)).filter((word) => word !== '')
  const { operation, rest } = operationIn(typed, commands)
  if (givesRights(operation) || operation.permission === 'everyone') {
    throw new HomelabError('usage', `"${operation.chat}" cannot be granted.`, {
      hint:
        operation.permission === 'everyone'
          ? 'Everyone may use it already.'
          : 'Rights are given by admins: make somebody one under `people` in homelab.yaml.',
    })
  }
  rights.permit(operation, caller)
  if (rest.length > 0 && !takesTargets(operation)) {
    throw new HomelabError('usage', `"${operation.chat}" is not about a service: "${rest[0]}" is too much.`, {
      hint: `Grant it whole: ${operation.chat}.`,
    })
  }
  const services = new Set<string>()
  const targets: Target[] = []
  for (const name of rest) {
    if (name.startsWith('@')) {
      targets.push(...(await lab.resolve([name], { signal })))
      services.add(name.toLowerCase())
    } else {
      const target = await one(lab, name, signal)
      targets.push(target)
      services.add(target.name)
    }
  }
  if (rest.length > 0) rights.permit(operation, caller, touchedBy(targets, lab.inventory))
  return { operation, services: [...services], targets }
}

/** The longest chat path that it begins with, or an id. */
function operationIn(
  typed: readonly string[],
  { registry }: Commands,
): { readonly operation: Operation; readonly rest: readonly string[] } {
  const [first = '', second = ''] = typed.map((word) => word.toLowerCase())
  const two = registry.byChat(`${first} ${second}`)
  if (two !== undefined) return { operation: two, rest: typed.slice(2) }
  const single = registry.byChat(first) ?? registry.byId(first)
  if (single !== undefined) return { operation: single, rest: typed.slice(1) }
  const names = registry.all.map(({ chat }) => chat)
  const shown = (second === '' ? first : `${first} ${second}`).slice(0, 60)
  const near = didYouMean(`${first} ${second}`, names) || didYouMean(first, names)
  throw new HomelabError('not-found', `There is no command "${shown}" to grant.${near}`, {
    hint: 'Such as `grant @kid restart jellyfin for:2h`.',
  })
}
