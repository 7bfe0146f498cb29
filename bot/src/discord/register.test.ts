import type { Json } from '@homelab/core'
import { createRegistry } from '@homelab/core'
import { operations } from '@homelab/core/operations'
import { expect, it } from 'vitest'
import type { Api } from './api.ts'
import { registerCommands } from './register.ts'
import { commandTree } from './tree.ts'

const { command } = commandTree(createRegistry(operations))

/** Discord's side: keeps the commands of each scope, with what it adds to them. */
function discord() {
  const scopes = new Map<string, readonly object[]>()
  const calls: string[] = []
  const api: Pick<Api, 'commands' | 'setCommands'> = {
    async commands(guild) {
      calls.push(`GET ${guild ?? 'global'}`)
      return (scopes.get(guild ?? 'global') ?? []) as Awaited<ReturnType<Api['commands']>>
    },
    async setCommands(guild, commands) {
      calls.push(`PUT ${guild ?? 'global'}`)
      const stored = (JSON.parse(JSON.stringify(commands)) as Record<string, unknown>[]).map(asKept)
      scopes.set(guild ?? 'global', stored)
    },
  }
  const facts = new Map<string, Json>()
  const register = (guild: string | undefined, tree = command) =>
    registerCommands({
      api: api as Api,
      facts: { get: (name) => facts.get(name), set: async (name, value) => void facts.set(name, value) },
      application: 'app',
      guild,
      command: tree,
    })
  return { scopes, calls, facts, register }
}

const asKept = (option: Record<string, unknown>): object => ({
  id: '1',
  version: '2',
  default_member_permissions: null,
  nsfw: false,
  name_localizations: null,
  ...option,
  ...(Array.isArray(option.options) ? { options: option.options.map(asKept).map(reversed) } : {}),
})
/** The order of keys is not Discord's promise. */
const reversed = (value: object): object => Object.fromEntries(Object.entries(value).toReversed())

const offered = (scopes: ReadonlyMap<string, readonly object[]>) =>
  Object.fromEntries([...scopes].map(([scope, commands]) => [scope, commands.length]))

it('registers once, and then only looks', async () => {
  const { scopes, calls, register } = discord()
  expect(await register('g1')).toBe(true)
  expect(await register('g1')).toBe(false)
  expect(offered(scopes)).toEqual({ g1: 1 })
  expect(calls).toEqual(['GET g1', 'PUT g1', 'GET global', 'GET g1', 'GET global'])
})

it('puts the whole anew when anything in it is different', async () => {
  const { calls, register } = discord()
  await register('g1')
  expect(await register('g1', { ...command, description: 'Another' })).toBe(true)
  expect(calls.slice(3)).toEqual(['GET g1', 'PUT g1', 'GET global'])
})

it('takes the commands away where they were when the setting changes', async () => {
  const { scopes, register } = discord()
  await register(undefined)
  await register('g1')
  expect(offered(scopes)).toEqual({ global: 0, g1: 1 })
  await register('g2')
  expect(offered(scopes)).toEqual({ global: 0, g1: 0, g2: 1 })
  await register(undefined)
  expect(offered(scopes)).toEqual({ global: 1, g1: 0, g2: 0 })
})

it('finds forgotten global commands when the state was lost', async () => {
  const { scopes, facts, register } = discord()
  await register(undefined)
  facts.clear()
  await register('g1')
  expect(offered(scopes)).toEqual({ global: 0, g1: 1 })
})
