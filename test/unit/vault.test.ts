/** Secrets out of Vault: what is read and kept, and what is said when it is not there or Vault does not answer. */
import { inspect } from 'node:util'
import { createSecrets } from '@homelab/core/node'
import { describe, expect, test } from 'vitest'
import { createAuthority } from '../../simulator/src/certificate.ts'
import {
  byToken,
  failureOf,
  got,
  MINUTE,
  type Opened,
  opened,
  proxmox,
  READ,
  ref,
  started,
} from './vault.fixture.ts'

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

  test('odd paths, a namespace, and a certificate of an own authority or pinned', async () => {
    const authority = await createAuthority()
    const { key, cert, fingerprint } = await authority.issue('vault')
    const vault = await started({ tls: { key, cert }, mounts: ['kv-2'] })
    vault.put('kv-2/Müller&Söhne/a+b=c', { value: 'found' })
    const odd = ref('kv-2/Müller&Söhne/a+b=c')
    const env = { T: vault.token(), CA: authority.ca }
    const lab = opened(vault, 'namespace: team/lab, ca: env:CA, token: env:T', env)
    expect(await got(lab, odd)).toBe('found')
    expect(new Set(vault.namespaces)).toEqual(new Set(['team/lab']))
    const pinned = opened(vault, `namespace: team/lab, fingerprint: "${fingerprint}", token: env:T`, env)
    expect(await got(pinned, odd)).toBe('found')
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
