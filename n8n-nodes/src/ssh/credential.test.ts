import { describe, expect, it } from 'vitest'
import { containerOf, keyText, loginOf, nodeNameOf, type SshCredential } from './credential.ts'
import { pinnedKey } from './host-key.ts'

const credential: SshCredential = {
  host: '192.168.1.10',
  port: 22,
  user: 'root',
  authenticateWith: 'privateKey',
  privateKey: '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----',
}

describe('the SSH credential', () => {
  it('mends a key whose lines were lost in a field of one line', () => {
    const pasted = '-----BEGIN OPENSSH PRIVATE KEY----- AAAA BBBB -----END OPENSSH PRIVATE KEY-----'
    const whole = '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\nBBBB\n-----END OPENSSH PRIVATE KEY-----\n'
    expect(keyText(pasted)).toBe(whole)
    expect(keyText(whole)).toBe(whole)
  })

  it('names what is missing', () => {
    expect(() => loginOf({ ...credential, host: ' ' })).toThrow(/has no host/)
    expect(() => loginOf({ ...credential, privateKey: '' })).toThrow(/has no private key/)
    expect(() => loginOf({ ...credential, authenticateWith: 'password' })).toThrow(/has no password/)
  })

  it('makes a name for restic that stays the same, of an address as well', () => {
    expect(nodeNameOf({ ...credential, node: 'pve' })).toBe('pve')
    expect(nodeNameOf(credential)).toBe('192-168-1-10')
    expect(nodeNameOf({ ...credential, host: 'fe80::1' })).toBe('fe80-1')
  })

  it('takes a VMID for a container, and nothing else', () => {
    expect(containerOf({ ...credential, container: '' })).toBeUndefined()
    expect(containerOf({ ...credential, container: '102', node: 'pve' })).toMatchObject({
      vmid: 102,
      node: 'pve',
    })
    expect(() => containerOf({ ...credential, container: '102; reboot' })).toThrow(/is no VMID/)
  })
})

describe('a pinned host key', () => {
  const print = `SHA256:${'Ab1+'.repeat(10)}abc`

  it('is read from what ssh-keygen prints, and from the bare fingerprint', () => {
    expect(pinnedKey(`256 ${print} root@pve (ED25519)`)).toBe(print)
    expect(pinnedKey(`  ${print}=\n`)).toBe(print)
  })

  it('is never taken from what is none', () => {
    for (const text of ['yes', 'SHA256:short', 'ssh-ed25519', `MD5:${'00:'.repeat(16)}`])
      expect(() => pinnedKey(text)).toThrow(/is not a host key/)
  })
})
