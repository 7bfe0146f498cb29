/** The bot and the terminal with their secrets in Vault: at the start, after a rotation, and while it is sealed. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Secret } from '@homelab/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApiClient } from '../../bot/src/api/client.ts'
import { environment, failedBot, homeFolder, startBot, terminal, writeFileFor } from '../support/bot.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { type FakeVault, startVault } from '../support/vault.ts'

let simulator: Simulator
beforeAll(async () => {
  simulator = await startSimulator()
})
afterAll(() => simulator.stop())

/** A file whose secrets are in Vault, and a log-in by AppRole to it. */
async function labIn(folder: string, vault: FakeVault): Promise<NodeJS.ProcessEnv> {
  const secretId = join(folder, 'secret-id')
  await writeFile(secretId, `${vault.secretId()}\n`, { mode: 0o600 })
  vault.policy('homelab', ['secret/data/homelab/*'])
  const role = vault.role({ ttl: 3600, policies: ['default', 'homelab'] })
  vault.put('secret/homelab/proxmox', { token: simulator.lab.token.secret })
  vault.put('secret/homelab/console', { value: 'the-token-of-the-console' })
  const path = await writeFileFor(simulator, folder, {
    more: `vault:
  url: ${vault.url}
  approle: { role_id: ${role}, secret_id: "file:${secretId}" }
`,
  })
  const text = (await readFile(path, 'utf8'))
    .replace('env:TEST_TOKEN', 'vault:secret/homelab/proxmox#token')
    .replace('role: admin }', 'role: admin, token: vault:secret/homelab/console }')
  await writeFile(path, text)
  return environment(simulator, 'not used')
}

test('a bot whose secrets are in Vault works, goes on after a rotation, and prints none of them', async () => {
  await using home = await homeFolder()
  await using vault = await startVault()
  const env = { ...(await labIn(home.path, vault)), LOG_LEVEL: 'trace' }
  const secrets = [simulator.lab.token.secret, 'the-token-of-the-console', 'rotated-00-secret-of-proxmox']
  await using bot = await startBot([], env, home.path)
  const client = createApiClient({
    url: bot.url,
    token: new Secret(await readFile(join(home.path, 'state', 'api-token'), 'utf8')),
  })
  const taskList = async () => {
    const { id } = await client.submit({ text: 'task list' })
    for await (const posted of client.follow(id)) if (posted.state === 'done') return posted
    throw new Error(`the card ${id} has no end`)
  }
  const before = await taskList()

  await simulator.setToken(simulator.lab.token.id, 'rotated-00-secret-of-proxmox', true)
  vault.put('secret/homelab/proxmox', { token: 'rotated-00-secret-of-proxmox' })
  const after = await taskList()
  expect([before.error, after.error]).toEqual([undefined, undefined])
  expect(vault.calls.filter((call) => call === 'POST auth/approle/login')).toHaveLength(1)
  const said = bot.output() + JSON.stringify([before, after])
  for (const secret of secrets) expect(said).not.toContain(secret)
  await simulator.setToken(simulator.lab.token.id, simulator.lab.token.secret, true)
})

test('a terminal without a bot takes them as well; a sealed Vault at the start is said in clear words', async () => {
  await using home = await homeFolder()
  await using vault = await startVault()
  const env = await labIn(home.path, vault)
  const inline = await terminal(['task list'], env, home.path)
  expect([inline.code, inline.stderr]).toEqual([0, expect.not.stringContaining('Vault')])
  vault.trouble = 'sealed'
  const { code, stdout, stderr } = await failedBot([], env, home.path)
  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toBe(
    `homelab: Vault at ${vault.url} is sealed\n  Unseal it (\`vault operator unseal\`), then try again.\n`,
  )
})
