/** Secrets out of Vault, by a server that keeps versions, leases and policies, and a clock that the test turns. */
import { inspect } from 'node:util'
import { HomelabError } from '@homelab/core'
import { parseInventory, type SecretRef } from '@homelab/core/inventory'
import { createSecrets, type Secrets } from '@homelab/core/node'
import { generate } from 'selfsigned'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type FakeVault, startVault } from '../support/vault.ts'

const ref = (name: string): SecretRef => ({ from: 'vault', name })
const proxmox = ref('secret/homelab/proxmox#token')
const READ = 'GET secret/data/homelab/proxmox'
const [MINUTE, DAY] = [60_000, 86_400_000]

async function started(...options: Parameters<typeof startVault>): Promise<FakeVault> {
  const vault = await startVault(...options)
  onTestFinished(() => vault[Symbol.asyncDispose]())
  return vault
}

interface Opened {
  readonly secrets: Secrets
  readonly env: Record<string, string>
  readonly warnings: string[]
}

/** @param section more lines of `vault`, as one writes them */
function opened(vault: FakeVault, section: string, env: Record<string, string>): Opened {
  const settings = parseInventory(`vault: { url: "${vault.url}", ${section} }`).vault
  const secrets = createSecrets({
    env,
    vault: () => settings,
    vaultTime: { clock: vault.clock, after: vault.clock.after },
  })
  const warnings: string[] = []
  secrets.onWarning(({ why }) => warnings.push(why))
  return { secrets, env, warnings }
}

const byToken = (vault: FakeVault, ...options: Parameters<FakeVault['token']>): Opened =>
  opened(vault, 'token: env:T', { T: vault.token(...options) })

const byRole = (
  vault: FakeVault,
  role: Parameters<FakeVault['role']>[0],
  ...id: Parameters<FakeVault['secretId']>
): Opened =>
  opened(vault, `approle: { role_id: ${vault.role(role)}, secret_id: env:S }`, { S: vault.secretId(...id) })

async function failureOf(promise: Promise<unknown>): Promise<HomelabError> {
  const error = await promise.then(
    () => new Error('it was resolved'),
    (reason: unknown) => reason,
  )
  if (error instanceof HomelabError) return error
  throw error
}

const got = async ({ secrets }: Opened, what = proxmox): Promise<string> =>
  (await secrets.resolve(what)).reveal()

describe('reads', () => {
  test('the newest version; many that ask at the same time, for any key of a path, are one question', async () => {
    const vault = await started()
    vault.put('secret/homelab/proxmox', { token: 'first-version' })
    vault.put('secret/homelab/proxmox', { token: 'second-version\n', value: 'the default key', port: 8006 })
    const lab = byToken(vault)
    const asked = [proxmox, ref('secret/homelab/proxmox'), ref('secret/homelab/proxmox#port'), proxmox]
    expect(await Promise.all(asked.map((each) => got(lab, each)))).toEqual([
      'second-version',
      'the default key',
      '8006',
      'second-version',
    ])
    expect(vault.calls).toEqual(['GET auth/token/lookup-self', READ])
  })

  test('what was rotated is seen after a minute, or at once when the one before was refused', async () => {
    const vault = await started()
    vault.put('secret/homelab/proxmox', { token: 'first-version' })
    const lab = byToken(vault)
    expect(await got(lab)).toBe('first-version')
    vault.put('secret/homelab/proxmox', { token: 'second-version' })
    vault.clock.turn(MINUTE - 1)
    expect(await got(lab)).toBe('first-version')
    vault.clock.turn(1)
    expect(await got(lab)).toBe('second-version')
    vault.put('secret/homelab/proxmox', { token: 'third-version' })
    vault.clock.turn(5_000)
    expect((await lab.secrets.resolve(proxmox, { refused: true })).reveal()).toBe('third-version')
    expect(lab.secrets.redact('first-version second-version third-version')).toBe(
      '[secret] [secret] [secret]',
    )
  })

  test('odd paths, a namespace, and a certificate that is pinned', async () => {
    const identity = generate([{ name: 'commonName', value: 'vault' }], {
      keyType: 'ec',
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
    })
    const { private: key, cert } = await identity
    const vault = await started({ tls: { key, cert }, mounts: ['kv-2'] })
    vault.put('kv-2/Müller&Söhne/a+b=c', { value: 'found' })
    const odd = ref('kv-2/Müller&Söhne/a+b=c')
    const env = { T: vault.token(), CA: cert }
    const lab = opened(vault, 'namespace: team/lab, ca: env:CA, token: env:T', env)
    expect(await got(lab, odd)).toBe('found')
    expect(new Set(vault.namespaces)).toEqual(new Set(['team/lab']))
    const untrusting = await failureOf(got(opened(vault, 'token: env:T', env), odd))
    expect(untrusting.code).toBe('untrusted')
    expect(untrusting.hint).toContain('"vault" in homelab.yaml')
  })
})

describe('says what is wrong, and no secret', () => {
  test('with what is read', async () => {
    const vault = await started()
    vault.put('secret/homelab/proxmox', {
      token: 'hunter2-hunter2',
      nested: { a: 'hunter2-hunter2' },
      blank: '\n',
    })
    vault.put('secret/deleted', { value: 'hunter2-hunter2' })
    vault.change('secret/deleted', 'deleted')
    vault.put('secret/destroyed', { value: 'hunter2-hunter2' })
    vault.change('secret/destroyed', 'destroyed')
    const lab = byToken(vault)
    const names = [
      'secret/homelab/proxmox#tokn',
      'secret/homelab/proxmox#nested',
      'secret/homelab/proxmox#blank',
      'secret/homelab/proxmox#toString',
      'secret/nothing#key',
      'secret/deleted',
      'secret/destroyed',
      'kv/other',
    ]
    const errors = await Promise.all(names.map((name) => failureOf(got(lab, ref(name)))))
    expect(errors.map(({ code, message, hint }) => [code, message, hint])).toMatchInlineSnapshot(`
      [
        [
          "config",
          "Vault has secret/homelab/proxmox, but no key "tokn" in it",
          "It has token, nested, blank: write the key after "#".",
        ],
        [
          "config",
          "vault:secret/homelab/proxmox#nested is not a text",
          undefined,
        ],
        [
          "config",
          "vault:secret/homelab/proxmox#blank is empty",
          undefined,
        ],
        [
          "config",
          "Vault has secret/homelab/proxmox, but no key "toString" in it",
          "It has token, nested, blank: write the key after "#".",
        ],
        [
          "config",
          "Vault has nothing at secret/nothing",
          "Write it: \`vault kv put -mount=secret nothing key=-\`. "secret" must be a KV engine of version 2: \`vault secrets list -detailed\` shows that.",
        ],
        [
          "config",
          "Version 1 of secret/deleted in Vault was deleted at 2026-01-02T10:00:00Z",
          "Get it back: \`vault kv undelete -mount=secret -versions=1 deleted\`.",
        ],
        [
          "config",
          "Version 1 of secret/destroyed in Vault was destroyed",
          "Write another one: \`vault kv put -mount=secret destroyed value=-\` (it reads the value from what you type).",
        ],
        [
          "config",
          "Vault has nothing at kv/other: no handler for route "kv/data/other". route entry not found.",
          "Write it: \`vault kv put -mount=kv other value=-\`. "kv" must be a KV engine of version 2: \`vault secrets list -detailed\` shows that.",
        ],
      ]
    `)
    expect(inspect(errors, { depth: 9 })).not.toContain('hunter2')
  })

  test('with the policy, and with a token that may not look at itself', async () => {
    const vault = await started()
    vault.put('secret/homelab/proxmox', { token: 'hunter2-hunter2' })
    vault.policy('other', ['secret/data/other/*'])
    const [told, blind] = [['default', 'other'], ['other']].map((policies) => byToken(vault, { policies }))
    const errors = [await failureOf(got(told as Opened)), await failureOf(got(blind as Opened))]
    expect(errors.map(({ code, message, hint }) => [code, message, hint])).toMatchInlineSnapshot(`
      [
        [
          "unauthorised",
          "Vault refuses vault:secret/homelab/proxmox#token: the policy does not allow it",
          "The policy needs: path "secret/data/homelab/proxmox" { capabilities = ["read"] }",
        ],
        [
          "unauthorised",
          "Vault refuses vault:secret/homelab/proxmox#token: the token is not good any more, or its policy does not allow it",
          "The policy needs: path "secret/data/homelab/proxmox" { capabilities = ["read"] }",
        ],
      ]
    `)
    vault.policy('other', ['secret/data/homelab/*'])
    expect(await got(told as Opened)).toBe('hunter2-hunter2')
    expect(await got(blind as Opened)).toBe('hunter2-hunter2')
  })

  test('without a section, with a wrong token, a wrong log-in, and one that is nowhere', async () => {
    const vault = await started()
    vault.put('secret/homelab/proxmox', { token: 'x-x-x' })
    const none = await failureOf(createSecrets({ env: {} }).resolve(proxmox))
    expect([none.code, none.hint]).toEqual([
      'config',
      'Add "vault" to homelab.yaml; docs/configuration.md has the lines.',
    ])
    const wrong = await failureOf(got(opened(vault, 'token: env:T', { T: 'hvs.hunter2' })))
    const role = opened(vault, 'approle: { role_id: env:R, secret_id: env:S }', {
      R: 'hunter2-r',
      S: 'hunter2-s',
    })
    const refused = await failureOf(got(role))
    const mount = opened(vault, 'approle: { role_id: r, secret_id: env:S, mount: other }', { S: 'hunter2-s' })
    const elsewhere = await failureOf(got(mount))
    expect(
      [wrong, refused].map(({ code, message }) => [code, message.replace(vault.url, 'URL')]),
    ).toMatchInlineSnapshot(`
      [
        [
          "unauthorised",
          "Vault at URL does not accept the token of env:T: it is over or was revoked",
        ],
        [
          "unauthorised",
          "Vault at URL refuses the log-in by AppRole: invalid role or secret ID",
        ],
      ]
    `)
    expect(elsewhere.code).toBe('unauthorised')
    expect(inspect([wrong, refused, elsewhere], { depth: 9 })).not.toContain('hunter2')
  })
})

describe('a token of its own', () => {
  test('is renewed at two thirds of its lease, also while nobody asks, and then holds on', async () => {
    const vault = await started()
    vault.put('secret/homelab/proxmox', { token: 'x-x-x' })
    const lab = byToken(vault, { ttl: 3600 })
    await got(lab)
    for (let times = 1; times <= 3; times++) {
      vault.clock.turn(2400_000)
      await vault.called(/renew-self/, times)
      // Its answer has been taken in when the next question was answered.
      expect(await got(lab)).toBe('x-x-x')
    }
    expect(vault.calls.filter((call) => call.includes('lookup'))).toHaveLength(1)
    expect(lab.warnings).toEqual([])
  })

  test('that cannot be renewed is told of in time, each day, and says at its end what to do', async () => {
    const vault = await started()
    vault.put('secret/homelab/proxmox', { token: 'x-x-x' })
    const lab = byToken(vault, { ttl: 16 * 86_400, renewable: false })
    await got(lab)
    expect(lab.warnings).toEqual([])
    vault.clock.turn(2.5 * DAY)
    vault.clock.turn(DAY)
    expect(lab.warnings.map((text) => text.slice(0, 81))).toEqual(
      [
        'The token of env:T ends in 14 days and cannot be renewed: it was made without that',
        'The token of env:T ends in 13 days and cannot be renewed: it was made without that',
      ].map((text) => text.slice(0, 81)),
    )
    vault.clock.turn(15 * DAY)
    const error = await failureOf(got(lab))
    expect(error.code).toBe('unauthorised')
    expect(error.message).toContain('ended 2 days ago and could not be renewed: it was made without that')
    expect(error.hint).toContain('vault token create -period=768h')
    // Another one in its place is taken up.
    lab.env.T = vault.token()
    expect(await got(lab)).toBe('x-x-x')
  })

  test('whose max_ttl is reached is told of, and one that was revoked is not asked with for ever', async () => {
    const vault = await started()
    vault.put('secret/homelab/proxmox', { token: 'x-x-x' })
    const lab = byToken(vault, { ttl: 3600, max: 5000 })
    await got(lab)
    vault.clock.turn(2400_000)
    await vault.called(/renew-self/, 1)
    await got(lab)
    vault.clock.turn(1700_000)
    await got(lab)
    vault.clock.turn(MINUTE)
    await got(lab)
    expect(lab.warnings.join()).toMatch(/ends in \d+ minutes and cannot be renewed: its max_ttl is reached/)
    vault.revoke(lab.env.T ?? '')
    vault.clock.turn(MINUTE)
    const before = vault.calls.length
    expect((await failureOf(got(lab))).message).toContain(
      'does not accept the token of env:T: it is over or was revoked',
    )
    expect(vault.calls.length - before).toBeLessThanOrEqual(3)
  })
})

describe('AppRole', () => {
  test('logs in at the first use alone, once for all that ask, and anew at the max_ttl', async () => {
    const vault = await started()
    vault.put('secret/homelab/proxmox', { token: 'x-x-x' })
    vault.put('secret/other', { value: 'y-y-y' })
    const lab = byRole(vault, { ttl: 3600, max: 7200 })
    expect(vault.calls).toEqual([])
    await Promise.all([got(lab), got(lab, ref('secret/other'))])
    expect(vault.calls[0]).toBe('POST auth/approle/login')
    expect(vault.calls).toHaveLength(3)
    for (let minutes = 0; minutes < 6 * 60; minutes += 10) {
      vault.clock.turn(10 * MINUTE)
      expect(await got(lab)).toBe('x-x-x')
    }
    const logIns = vault.calls.filter((call) => call.endsWith('login')).length
    expect(logIns).toBeGreaterThan(2)
    expect(logIns).toBeLessThan(8)
    expect(lab.warnings).toEqual([])
  })

  test('logs in anew for a token that was revoked or ended unseen; the token stands in no text', async () => {
    const vault = await started()
    vault.put('secret/homelab/proxmox', { token: 'x-x-x' })
    const lab = byRole(vault, { ttl: 3600, renewable: false })
    await got(lab)
    const [first] = lab.secrets
      .known()
      .map((secret) => secret.reveal())
      .filter((value) => value.startsWith('hvs.'))
    expect(lab.secrets.redact(`a ${first} b`)).toBe('a [secret] b')
    vault.revoke(first ?? '')
    vault.clock.turn(2 * MINUTE)
    expect(await got(lab)).toBe('x-x-x')
    vault.trouble = 'sealed'
    vault.clock.turn(2 * 3600_000)
    vault.trouble = undefined
    expect(await got(lab)).toBe('x-x-x')
    expect(
      lab.secrets.known().filter((secret) => secret.reveal().startsWith('hvs.')).length,
    ).toBeLessThanOrEqual(2)
  })

  test('whose secret_id is used up says how to make another one', async () => {
    const vault = await started()
    vault.put('secret/homelab/proxmox', { token: 'x-x-x' })
    const lab = byRole(vault, { ttl: 600, max: 600 }, { uses: 1 })
    await got(lab)
    vault.clock.turn(20 * MINUTE)
    const error = await failureOf(got(lab))
    expect(error.message).toContain('refuses the log-in by AppRole: invalid role or secret ID')
    expect(error.hint).toContain('vault write -f auth/approle/role/NAME/secret-id')
    lab.env.S = vault.secretId()
    expect(await got(lab)).toBe('x-x-x')
  })
})

describe('while Vault does not answer', () => {
  test.each([
    ['sealed', 'is sealed'],
    ['standby', 'is a standby'],
    ['busy', 'is asked too often'],
    ['lost', 'gave no complete answer'],
  ] as const)(
    '%s: what it said before is used for ten minutes, and somebody is told once',
    async (trouble, words) => {
      const vault = await started()
      vault.put('secret/homelab/proxmox', { token: 'x-x-x' })
      const lab = byToken(vault)
      await got(lab)
      vault.trouble = trouble
      for (const minutes of [2, 3, 4]) {
        vault.clock.turn(minutes * MINUTE)
        expect(await got(lab)).toBe('x-x-x')
      }
      expect(lab.warnings).toHaveLength(1)
      expect(lab.warnings[0]).toContain(words)
      const other = await failureOf(got(lab, ref('secret/other')))
      expect([other.code, other.message]).toEqual(['unreachable', expect.stringContaining(words)])
      vault.clock.turn(2 * MINUTE)
      expect((await failureOf(got(lab))).message).toContain(words)
      vault.trouble = undefined
      expect(await got(lab)).toBe('x-x-x')
    },
  )

  test('it is not asked at each use, and what it takes away is gone at once', async () => {
    const vault = await started()
    vault.put('secret/homelab/proxmox', { token: 'x-x-x' })
    const lab = byToken(vault)
    await got(lab)
    vault.trouble = 'sealed'
    vault.clock.turn(2 * MINUTE)
    for (let times = 0; times < 20; times++) await got(lab)
    expect(vault.calls.filter((call) => call === READ)).toHaveLength(2)
    vault.trouble = undefined
    vault.change('secret/homelab/proxmox', 'deleted')
    vault.clock.turn(MINUTE)
    expect((await failureOf(got(lab))).message).toContain('was deleted')
    vault.trouble = 'sealed'
    expect((await failureOf(got(lab))).message).toContain('is sealed')
  })

  test('a standby that names the active one is followed, never from https to http', async () => {
    const [standby, active] = [await started(), await started()]
    active.put('secret/homelab/proxmox', { token: 'x-x-x' })
    standby.trouble = { redirect: active.url }
    const lab = opened(standby, 'token: env:T', { T: active.token() })
    expect(await got(lab)).toBe('x-x-x')
    standby.trouble = { redirect: 'ftp://example.com' }
    expect((await failureOf(got(lab, ref('secret/other')))).message).toContain('names no safe way')
  })
})
