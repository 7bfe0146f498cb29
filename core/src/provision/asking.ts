/** Whether a new service can be asked how it is, which its plan has to say beforehand. */
import type { Health } from '../health/index.ts'
import { option } from '../proxmox/guest-config.ts'
import { targetOf } from './find.ts'
import type { Found } from './types.ts'

type Asking = Pick<Health, 'knows'>

const knows = ({ name, from, node }: Found, health: Asking): boolean =>
  health.knows(targetOf(name, 0, from, node))

/** Why nobody can ask it, though there is a question: nobody enters a VM, and one without an agent says its address to nobody. */
function obstacle({ machine, net, from }: Found): string | undefined {
  if (machine === undefined) return undefined
  const { health } = from.blueprint
  if (typeof health === 'object') {
    if (health.command !== undefined) return 'its `health` is a command, and nobody enters a VM'
    // A whole URL is asked wherever the service is.
    if (typeof health.http === 'object' && health.http.url !== undefined) return undefined
  }
  const address = option(net, 'ip')
  const isKnown = machine.agent || (address !== undefined && address !== 'dhcp')
  return isKnown ? undefined : 'its address will not be known'
}

export const isAsked = (found: Found, health: Asking): boolean =>
  knows(found, health) && obstacle(found) === undefined

/** What its plan should say when it is not. */
export function unaskedWords(found: Found, health: Asking): readonly string[] {
  if (isAsked(found, health)) return []
  const why = knows(found, health)
    ? obstacle(found)
    : 'its blueprint has no `health`, and no kind or port that is known'
  return [`Whether ${found.from.blueprint.title} answers is not asked: ${why}.`]
}
