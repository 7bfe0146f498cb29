/** Puts the `/homelab` command where the file says, and nowhere else, with as few calls as can be. */
import { z } from 'zod'
import type { FactStore } from '../chat/connector.ts'
import type { Api } from './api.ts'
import type { CommandTree } from './tree.ts'

const factName = 'discord.commands'

/** Where our commands are: `global`, or a guild's id. */
const Registered = z.object({ application: z.string(), scope: z.string() })

export interface RegisterOptions {
  readonly api: Api
  readonly facts: FactStore
  readonly application: string
  /** Undefined: everywhere. */
  readonly guild: string | undefined
  readonly command: CommandTree
}

const everywhere = 'global'
const guildOf = (scope: string): string | undefined => (scope === everywhere ? undefined : scope)

/** @returns whether anything was changed. @throws what the API throws: nothing is remembered then, and it can be tried again */
export async function registerCommands(options: RegisterOptions): Promise<boolean> {
  const { api, facts, application, guild, command } = options
  const scope = guild ?? everywhere
  const remembered = Registered.safeParse(facts.get(factName)).data
  const before = remembered?.application === application ? remembered.scope : undefined
  let changed = false

  const there = await api.commands(guild)
  if (!isSame(there, [command])) {
    await api.setCommands(guild, [command])
    changed = true
  }
  // Registered in both places it would be offered twice. A state that is lost, or a bot that was tried out elsewhere, may have left the global ones.
  const others = new Set([before ?? scope, guild === undefined ? scope : everywhere])
  others.delete(scope)
  for (const other of others) changed = (await empty(api, guildOf(other))) || changed
  if (before !== scope) await facts.set(factName, { application, scope })
  return changed
}

async function empty(api: Api, guild: string | undefined): Promise<boolean> {
  try {
    if ((await api.commands(guild)).length === 0) return false
    await api.setCommands(guild, [])
    return true
  } catch (error) {
    // A guild that the bot has left offers nothing of it.
    if (guild === undefined) throw error
    return false
  }
}

const isSame = (there: readonly object[], ours: readonly object[]): boolean =>
  JSON.stringify(there.map(normal)) === JSON.stringify(ours.map(normal))

/** What we set, without what Discord adds and what it leaves out. */
function normal(value: object): object {
  const given = value as Record<string, unknown>
  const list = (name: string, each: (item: object) => object): object => {
    const items = given[name]
    return Array.isArray(items) && items.length > 0 ? { [name]: items.map(each) } : {}
  }
  const kept = ['required', 'autocomplete', 'min_value', 'max_value', 'min_length', 'max_length'].filter(
    (name) => given[name] !== undefined && given[name] !== null && given[name] !== false,
  )
  return {
    type: given.type ?? 1,
    name: given.name,
    description: given.description,
    ...Object.fromEntries(kept.map((name) => [name, given[name]])),
    ...list('choices', (choice) => {
      const { name, value: own } = choice as { name?: unknown; value?: unknown }
      return { name, value: own }
    }),
    ...list('options', normal),
  }
}
