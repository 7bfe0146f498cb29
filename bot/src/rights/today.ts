/** A caller of before, as homelab.yaml has them now: what was asked for long ago is not done with rights that are gone. */
import type { Caller, Standing } from '@homelab/core'
import type { Inventory } from '@homelab/core/inventory'

/** Those whose role the file decides. The terminal and the console are let in by other means. */
const platforms = ['discord', 'slack'] as const
const groupKey = { discord: 'discord_role', slack: 'slack_group' } as const

/** What the ids of programs begin with: `api:n8n` is the entry `n8n` of `people`, let in by its token. */
export const apiPrefix = 'api:'

function programToday(caller: Caller, people: Inventory['people']): Caller {
  const name = caller.id.slice(apiPrefix.length)
  const program = people.find((each) => each.name === name && each.token !== undefined)
  const { person: _, ...rest } = caller
  return program === undefined
    ? { ...rest, role: 'nobody' }
    : { ...rest, role: program.role, person: program.name }
}

export function callerToday(caller: Caller, { people }: Pick<Inventory, 'people'>): Caller {
  if (caller.id.startsWith(apiPrefix)) return programToday(caller, people)
  const platform = platforms.find((each) => caller.id.startsWith(`${each}:`))
  if (platform === undefined) return caller
  const user = caller.id.slice(platform.length + 1)
  // Whoever was let in by a group still has its role if the file still does: the platform is not asked here. An id that the
  // file does not name any more is not let in by the name of who had it.
  const person =
    people.find((each) => each[platform]?.includes(user)) ??
    people.find((each) => each.name === caller.person && each[groupKey[platform]] !== undefined)
  const role: Standing = person?.role ?? 'nobody'
  const { person: _, ...rest } = caller
  return { ...rest, role, ...(person === undefined ? {} : { person: person.name }) }
}
