import { HomelabError, Secret } from '@homelab/core'
import { parseInventory, type SecretRef } from '@homelab/core/inventory'
import { expect, it } from 'vitest'
import { createTokens } from './tokens.ts'

const long = (letter: string) => letter.repeat(40)

function start(people: string, values: Record<string, string>) {
  const warned: unknown[] = []
  let now = 0
  let inventory = parseInventory(`people:\n${people}`)
  const lookup = createTokens({
    inventory: () => inventory,
    secrets: {
      resolve: (ref: SecretRef) => {
        const value = values[ref.name]
        return value === undefined
          ? Promise.reject(new HomelabError('config', `The environment variable ${ref.name} is not set`))
          : Promise.resolve(new Secret(value))
      },
    },
    warn: (facts) => warned.push(facts),
    now: () => now,
  })
  return {
    lookup,
    warned,
    pass: (ms: number) => {
      now += ms
    },
    reload: (text: string) => {
      inventory = parseInventory(`people:\n${text}`)
    },
  }
}

const two = '  n8n: { role: operator, token: env:N8N }\n  watcher: { role: viewer, token: env:WATCHER }\n'

it('knows each program by its own token, with the role of the file', async () => {
  const { lookup } = start(two, { N8N: long('a'), WATCHER: long('b') })
  expect(await lookup(long('a'))).toEqual({
    id: 'api:n8n',
    name: 'n8n',
    role: 'operator',
    surface: 'api',
    person: 'n8n',
  })
  expect(await lookup(long('b'))).toMatchObject({ id: 'api:watcher', role: 'viewer' })
  for (const given of ['', long('c'), long('a').slice(1), `${long('a')}a`])
    expect(await lookup(given)).toBeUndefined()
})

it('lets nobody in by a token that is short or missing, and says so once without it', async () => {
  const { lookup, warned } = start(two, { N8N: 'hunter2' })
  for (const given of ['hunter2', '', 'hunter2']) expect(await lookup(given)).toBeUndefined()
  expect(warned).toEqual([
    { person: 'n8n', why: 'its token has fewer than 32 characters' },
    { person: 'watcher', why: 'The environment variable WATCHER is not set' },
  ])
  expect(JSON.stringify(warned)).not.toContain('hunter2')
})

it('refuses at once who was taken out of the file, and a replaced token soon after', async () => {
  const values: Record<string, string> = { N8N: long('a'), WATCHER: long('b') }
  const { lookup, pass, reload } = start(two, values)
  expect(await lookup(long('a'))).toBeDefined()
  values.N8N = long('n')
  pass(5_001)
  expect([await lookup(long('a')), (await lookup(long('n')))?.id]).toEqual([undefined, 'api:n8n'])
  reload('  watcher: { role: viewer, token: env:WATCHER }\n')
  expect([await lookup(long('n')), (await lookup(long('b')))?.id]).toEqual([undefined, 'api:watcher'])
})
