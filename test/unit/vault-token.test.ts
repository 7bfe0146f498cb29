/** The token that Vault is asked with, over days of a clock that the test turns. */
import { describe, expect, test } from 'vitest'
import { byRole, byToken, DAY, failureOf, got, MINUTE, ref, started } from './vault.fixture.ts'

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

  test('that will get no other token is told of while it has one', async () => {
    const vault = await started()
    vault.put('secret/homelab/proxmox', { token: 'x-x-x' })
    const lab = byRole(vault, { ttl: 3600, renewable: false }, { uses: 1 })
    await got(lab)
    vault.clock.turn(45 * MINUTE)
    for (let times = 0; times < 3; times++, vault.clock.turn(2 * MINUTE)) expect(await got(lab)).toBe('x-x-x')
    expect(lab.warnings).toEqual([
      expect.stringMatching(/^The token of Vault ends in 15 minutes and there is no other/),
    ])
    expect(lab.warnings[0]).toContain('vault write -f auth/approle/role/NAME/secret-id')
  })
})
