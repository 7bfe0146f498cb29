/** What secrets of Vault mean for the rest: a reload, a notice, n8n, the recovery kit. */
import { parseInventory } from '@homelab/core/inventory'
import { createSecrets, systemClock } from '@homelab/core/node'
import { describe, expect, test } from 'vitest'
import { watchVault } from '../../bot/src/watch/vault.ts'
import { recoveryKit } from '../../core/src/backup/kit.ts'
import { secretsOf } from '../../n8n-nodes/src/file/lab.ts'
import type { FakeVault } from '../support/vault.ts'
import { failureOf, proxmox, started } from './vault.fixture.ts'

describe('elsewhere', () => {
  test('a reload counts: another address is asked, and what the one before said is forgotten', async () => {
    const [one, other] = [await started(), await started()]
    one.put('secret/homelab/proxmox', { token: 'of-the-first' })
    other.put('secret/homelab/proxmox', { token: 'of-the-other' })
    const settingsOf = ({ url }: FakeVault) => parseInventory(`vault: { url: "${url}", token: env:T }`).vault
    let settings = settingsOf(one)
    const env = { T: one.token() }
    const secrets = createSecrets({ env, vault: () => settings })
    expect((await secrets.resolve(proxmox)).reveal()).toBe('of-the-first')
    env.T = other.token()
    settings = settingsOf(other)
    expect((await secrets.resolve(proxmox)).reveal()).toBe('of-the-other')
    // Read again without a change.
    settings = settingsOf(other)
    await secrets.resolve(proxmox)
    expect(other.calls).toHaveLength(2)
  })

  test('what came before anybody listened is told to the first who does, in the log and as a notice', async () => {
    const vault = await started()
    vault.put('secret/homelab/proxmox', { token: 'x-x-x' })
    const settings = parseInventory(`vault: { url: "${vault.url}", token: env:T }`).vault
    const env = { T: vault.token({ ttl: 3 * 86_400 + 60, renewable: false }) }
    const secrets = createSecrets({ env, vault: () => settings })
    await secrets.resolve(proxmox)
    const told: unknown[] = []
    const stop = watchVault({
      secrets,
      clock: systemClock,
      notify: (_, { text }, state) => told.push([state, text?.slice(0, 50)]),
      log: { warn: ({ place }, text) => told.push([place, text]) },
    })
    stop()
    expect(told).toEqual([
      [`Vault at ${vault.url}`, 'secrets of Vault are in danger'],
      ['done', 'The token of env:T ends in 3 days and cannot be re'],
    ])
  })

  test('the nodes of n8n do not ask Vault: the value stands in the credential, or its name is said', async () => {
    const values = [{ name: 'vault:secret/homelab/proxmox#token', value: 'x-x-x' }]
    expect(secretsOf({ references: { values } }).secret(proxmox).reveal()).toBe('x-x-x')
    const error = await failureOf(secretsOf({}).resolve(proxmox))
    expect([error.code, error.message]).toEqual([
      'config',
      'The credential has no secret "secret/homelab/proxmox#token"',
    ])
    expect(error.hint).toContain('the node does not')
  })

  test.each([
    ['password: vault:secret/restic', true],
    ['password: vault:secret/restic, recovery: { password: vault:secret/copy }', true],
    ['password: vault:secret/restic, recovery: { password: env:COPY }', false],
    ['password: env:R, env: { KEY: vault:secret/b2#key }', true],
    ['password: env:R', false],
  ])('a recovery kit says of a key that is in Vault alone: %s', (keys, said) => {
    const inventory = parseInventory(`vault: { url: "https://vault", token: env:T }
repositories: { b2: { restic: /r, ${keys} } }
backups: { files: { method: restic, to: [b2], paths: [/a], service: plex, schedule: daily } }
services: { plex: { guest: 110 } }`)
    const { markdown } = recoveryKit(inventory, inventory.backups, new Date(0))
    expect(markdown.includes('in Vault alone')).toBe(said)
  })
})
