import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openStore } from './store.ts'

function storeFile(): string {
  const directory = mkdtempSync(join(tmpdir(), 'homelab-store-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'desk.db')
}

test('the message of a card is found from both ends, also after a restart', async () => {
  const file = storeFile()
  const first = await openStore(file)
  await first.messages.save('card', 'discord', { message: 'm1', channel: 'c' })
  await first.messages.save('card', 'discord', { message: 'm2', channel: 'c' })
  await first.close()

  const { messages, close } = await openStore(file)
  onTestFinished(close)

  expect(messages.get('card')).toEqual({ message: 'm2', channel: 'c' })
  expect(messages.cardOf('discord', 'm2')).toBe('card')
  expect(messages.cardOf('slack', 'm2')).toBeUndefined()
})

test('the message of a card that still changes is kept while 5,000 others come and go', async () => {
  const file = storeFile()
  const store = await openStore(file)
  await store.messages.save('long', 'slack', { message: 'long' })
  for (let number = 1; number <= 5_100; number += 1) {
    await store.messages.save(`card ${number}`, 'slack', { message: `m${number}` })
    if (number % 1_000 === 0) await store.messages.save('long', 'slack', { message: 'long', shown: number })
  }
  expect(store.messages.get('card 1')).toBeUndefined()
  expect(store.messages.cardOf('slack', 'm1')).toBeUndefined()
  await store.close()

  const { messages, close } = await openStore(file)
  onTestFinished(close)
  expect(messages.get('long')).toEqual({ message: 'long', shown: 5_000 })
  expect(messages.cardOf('slack', 'm5100')).toBe('card 5100')
}, 60_000)

test('a fact outlives a restart', async () => {
  const file = storeFile()
  const first = await openStore(file)
  await first.facts.set('discord.scope', { guild: '1' })
  await first.facts.set('discord.scope', 'global')
  await first.close()
  const { facts, close } = await openStore(file)
  onTestFinished(close)
  expect(facts.get('discord.scope')).toBe('global')
  expect(facts.get('other')).toBeUndefined()
})
