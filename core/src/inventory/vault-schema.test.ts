import { expect, test } from 'vitest'
import { HomelabError } from '../errors.ts'
import { CaSource, SecretRef } from './fields.ts'
import { parseInventory } from './parse.ts'

function problems(text: string): string[] {
  try {
    parseInventory(text)
  } catch (error) {
    if (!(error instanceof HomelabError)) throw error
    return error.message.split('\n').filter((line) => line.includes('.yaml:'))
  }
  return []
}

const section = 'vault: { url: "https://vault.example.com:8200/", token: env:VAULT_TOKEN }'

test('a reference names a mount, a path and a key', () => {
  expect(SecretRef.parse('vault:secret/homelab/proxmox#token')).toEqual({
    from: 'vault',
    name: 'secret/homelab/proxmox#token',
  })
  expect(CaSource.parse('vault:kv/ca')).toEqual({ from: 'vault', name: 'kv/ca' })
  expect(SecretRef.parse('file:/vault:secret/x')).toEqual({ from: 'file', name: '/vault:secret/x' })
})

test.each([
  'vault:',
  'vault:secret',
  'vault:/secret/x',
  'vault:secret//x',
  'vault:secret/x/',
  'vault:secret/x#',
  'vault:secret/../sys/raw#x',
  'vault:secret/a/..',
  'vault:secret/./a',
  'vault:secret/a%2f..%2fb',
  'vault:secret/a?version=1',
  'vault:hunter2 hunter2',
])('%s is refused, and not repeated', (text) => {
  const [problem = ''] = problems(`${section}\nconsole: { token: "${text}" }`)
  expect(problem).toMatch(/console.token: must name a mount and a path of Vault/)
  expect(problem).not.toContain('hunter2')
})

test('reads the section, a log-in by AppRole and what it leaves out', () => {
  const read = (more: string) => parseInventory(`vault: { url: "https://vault:8200/", ${more} }`).vault
  expect(read('token: env:VAULT_TOKEN')).toEqual({
    url: 'https://vault:8200',
    token: { from: 'env', name: 'VAULT_TOKEN' },
    insecure: false,
  })
  expect(
    read('approle: { role_id: 1b2c, secret_id: file:/run/secrets/vault }, namespace: team/lab'),
  ).toMatchObject({
    namespace: 'team/lab',
    approle: {
      mount: 'approle',
      role_id: { from: 'text', text: '1b2c' },
      secret_id: { from: 'file', name: '/run/secrets/vault' },
    },
  })
  expect(read('approle: { role_id: env:ROLE, secret_id: env:S }')?.approle?.role_id).toEqual({
    from: 'env',
    name: 'ROLE',
  })
  for (const url of ['http://127.0.0.1:8200', 'http://localhost:8200', 'http://[::1]:8200'])
    expect(problems(`vault: { url: "${url}", token: env:T }`)).toEqual([])
  expect(problems('vault: { url: "http://10.0.0.9:8200", token: env:T, insecure: true }')).toEqual([])
})

test('says what is wrong with it, and where', () => {
  const url = 'url: "https://vault:8200"'
  expect(
    [
      `vault: { ${url} }`,
      `vault: { ${url}, token: env:T, approle: { role_id: x, secret_id: env:S } }`,
      `vault: { ${url}, token: vault:secret/vault }`,
      `vault: { ${url}, approle: { role_id: vault:a/b, secret_id: vault:a/c } }`,
      `vault: { ${url}, token: env:T, ca: vault:a/ca }`,
      'vault: { url: "http://10.0.0.9:8200", token: env:T }',
      'vault: { url: "vault:8200", token: env:T }',
      `vault: { ${url}, token: hunter2 }`,
    ].flatMap(problems),
  ).toMatchInlineSnapshot(`
    [
      "homelab.yaml:1:1 vault: needs exactly one of "token" and "approle"",
      "homelab.yaml:1:1 vault: needs exactly one of "token" and "approle"",
      "homelab.yaml:1:44 vault.token: opens Vault, so it cannot be in Vault: use "env:NAME" or "file:/path/to/it"",
      "homelab.yaml:1:57 vault.approle.role_id: opens Vault, so it cannot be in Vault: use "env:NAME" or "file:/path/to/it"",
      "homelab.yaml:1:79 vault.approle.secret_id: opens Vault, so it cannot be in Vault: use "env:NAME" or "file:/path/to/it"",
      "homelab.yaml:1:55 vault.ca: opens Vault, so it cannot be in Vault: use "env:NAME" or "file:/path/to/it"",
      "homelab.yaml:1:15 vault.url: must be https: over http everybody on the way can read the secrets. "insecure: true" allows it all the same",
      "homelab.yaml:1:15 vault.url: must be an https URL, such as https://vault.example.com:8200",
      "homelab.yaml:1:44 vault.token: must say where the secret is, not what it is. Put it in an environment variable and write "env:NAME", or in a file that only you can read and write "file:/path/to/it"",
    ]
  `)
})

test('a reference without the section is said where it stands', () => {
  const text = `proxmox:
  endpoints: https://192.168.1.10:8006
  token: { id: a@pve!bot, secret: vault:secret/pve }
repositories:
  b2: { restic: /r, password: vault:secret/restic, env: { KEY: vault:secret/b2#key } }`
  expect(problems(text)).toEqual(
    ['3:35 proxmox.token.secret', '5:31 repositories.b2.password', '5:64 repositories.b2.env.KEY'].map(
      (place) => `homelab.yaml:${place}: is in Vault, but there is no "vault" section to say where that is`,
    ),
  )
  expect(problems(`${section}\n${text}`)).toEqual([])
})
