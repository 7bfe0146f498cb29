import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { fingerprintOf, hostKeyAlgorithms, hostKeysFor, keyType } from './ssh-host-keys.ts'

/** A key is its type as a string with its length, then whatever. */
function makeKey(type: string, rest = 'key'): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(type.length)
  return Buffer.concat([head, Buffer.from(type), Buffer.from(rest)])
}

const key = makeKey('ssh-ed25519')
const other = makeKey('ssh-ed25519', 'other')
const line = `ssh-ed25519 ${key.toString('base64')}`
const judge = (text: string, host = 'pve.lan', port = 22, shown = key) =>
  hostKeysFor({ knownHosts: text }, host, port).judge(shown)

describe('known_hosts', () => {
  test.each([
    ['its name', `pve.lan ${line}`, 'trusted'],
    ['a comment behind', `pve.lan ${line} root@pve\n`, 'trusted'],
    ['Windows line ends', `# hosts\r\npve.lan ${line}\r\n`, 'trusted'],
    ['one of several names', `10.0.0.1,pve.lan ${line}`, 'trusted'],
    ['another case', `PVE.lan ${line}`, 'trusted'],
    ['a star', `*.lan ${line}`, 'trusted'],
    ['a question mark', `pv?.lan ${line}`, 'trusted'],
    ['a dot is no wildcard', `pveXlan ${line}`, 'unknown'],
    ['excluded', `!pve.lan,*.lan ${line}`, 'unknown'],
    ['another host', `nas.lan ${line}`, 'unknown'],
    ['another key', `pve.lan ssh-ed25519 ${other.toString('base64')}`, 'changed'],
    ['one of two keys', `pve.lan ssh-ed25519 ${other.toString('base64')}\npve.lan ${line}`, 'trusted'],
    ['revoked', `pve.lan ${line}\n@revoked * ${line}`, 'revoked'],
    ['another one revoked', `pve.lan ${line}\n@revoked * ssh-ed25519 ${other.toString('base64')}`, 'trusted'],
    ['an authority is no key', `@cert-authority *.lan ${line}`, 'unknown'],
    ['nothing', '', 'unknown'],
    ['half a line', 'pve.lan ssh-ed25519', 'unknown'],
    ['a pattern that would be a broken expression', `pve[.lan( ${line}`, 'unknown'],
  ])('%s', (_, text, expected) => {
    expect(judge(text)).toBe(expected)
  })

  test('another port than 22 is a name of its own', () => {
    expect(judge(`[pve.lan]:2222 ${line}`, 'pve.lan', 2222)).toBe('trusted')
    expect(judge(`pve.lan ${line}`, 'pve.lan', 2222)).toBe('unknown')
    expect(judge(`[pve.lan]:2222 ${line}`)).toBe('unknown')
  })

  test('a hashed name', () => {
    const salt = Buffer.from('twenty bytes of salt')
    const hash = (name: string) =>
      `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`
    expect(judge(`${hash('pve.lan')} ${line}`)).toBe('trusted')
    expect(judge(`${hash('nas.lan')} ${line}`)).toBe('unknown')
    expect(judge(`${hash('[pve.lan]:2222')} ${line}`, 'pve.lan', 2222)).toBe('trusted')
    expect(judge(`|1|${salt.toString('base64')}|short ${line}`)).toBe('unknown')
  })

  test('says which kinds of key are known, so that the server is asked for one of them', () => {
    const keys = hostKeysFor({ knownHosts: `pve.lan ssh-rsa AAAA\nnas.lan ${line}` }, 'pve.lan', 22)
    expect([...keys.types]).toEqual(['ssh-rsa'])
    expect(hostKeyAlgorithms(keys.types).slice(0, 3)).toEqual(['rsa-sha2-512', 'rsa-sha2-256', 'ssh-ed25519'])
    expect(hostKeyAlgorithms(new Set())[0]).toBe('ssh-ed25519')
    expect(hostKeyAlgorithms(new Set(), new Set(['ssh-ed25519']))[0]).toBe('ecdsa-sha2-nistp256')
  })
})

test('a fingerprint, as printed or as pasted', () => {
  const shown = fingerprintOf(key)
  expect(shown).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/)
  for (const fingerprint of [shown, ` ${shown}\n`, `${shown}=`, shown.replace('SHA256:', '')]) {
    expect(hostKeysFor({ fingerprint }, 'pve', 22).judge(key)).toBe('trusted')
    expect(hostKeysFor({ fingerprint }, 'pve', 22).judge(other)).toBe('changed')
  }
  expect(hostKeysFor({ fingerprint: '' }, 'pve', 22).judge(key)).toBe('changed')
})

test('reads the kind of a key, also of garbage', () => {
  expect(keyType(key)).toBe('ssh-ed25519')
  expect(keyType(Buffer.alloc(0))).toBe('')
  expect(keyType(Buffer.from('\xff\xff\xff\xffgarbage', 'latin1'))).toBe('garbage')
})
