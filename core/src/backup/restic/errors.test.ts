import { describe, expect, test } from 'vitest'
import { resticError, retryIn, troubleOf } from './errors.ts'

describe('what restic means', () => {
  test.each([
    // Since 0.17 by its code, whatever it writes.
    [3, 'Warning: at least one source file could not be read', 'partial'],
    [10, 'Fatal: repository does not exist: unable to open config file', 'no-repository'],
    [11, 'Fatal: unable to create lock in backend', 'locked'],
    [12, 'Fatal: wrong password or no key found', 'wrong-password'],
    [130, '', 'cancelled'],
    [127, 'sh: 1: restic: not found', 'missing'],
    // Before that everything is 1, and the words decide.
    [1, 'Fatal: wrong password or no key found', 'wrong-password'],
    [
      1,
      'Fatal: unable to open config file: Stat: stat /x/config: no such file\nIs there a repository at the following location?\n/x',
      'no-repository',
    ],
    [
      1,
      'unable to create lock in backend: repository is already locked exclusively by PID 7 on pve by root (UID 0, GID 0)',
      'locked',
    ],
    // A full disk is often reported by the lock that does not fit.
    [1, 'unable to create lock in backend: write /x/locks/1: no space left on device', 'no-space'],
    [1, 'Fatal: server response unexpected: 507 Insufficient Storage (507)', 'no-space'],
    // B2 says its caps with the code of a key that may not.
    [1, 'b2_upload_file: 403: Cannot upload files, storage cap exceeded.', 'cap'],
    [1, 'client.PutObject: Access Denied.', 'not-allowed'],
    // 0.14 takes wrong keys for no repository, and would have one made; newer ones try for a quarter of an hour.
    [
      1,
      'Fatal: unable to open config file: Stat: The AWS Access Key Id you provided does not exist in our records.\nIs there a repository at the following location?',
      'refused',
    ],
    [10, 'Stat: The request signature we calculated does not match the signature you provided.', 'refused'],
    [1, 'Fatal: unable to open config file: Stat: The specified bucket does not exist', 'no-repository'],
    [1, 'Fatal: dial tcp 10.0.0.9:8000: connect: connection refused', 'unreachable'],
    [
      1,
      'unable to open cache: readVersion: readVersion: strconv.ParseUint: parsing "": invalid syntax',
      'cache',
    ],
    // Nothing that is known: a failure all the same.
    [1, 'Fatal: something of tomorrow', 'unknown'],
    [99, '', 'unknown'],
    [null, '', 'unknown'],
  ] as const)('%s, %s → %s', (code, said, trouble) => {
    expect(troubleOf(code, said)).toBe(trouble)
    expect(resticError(code, said, 'B2')).toMatchObject({ data: { trouble, exit: code } })
  })

  test.each([
    [
      'Stat(<config/>) returned error, retrying after 1.49s: Stat: The AWS Access Key Id you provided does not exist in our records.',
      true,
    ],
    [
      'Load(<index/12>, 0, 0) returned error, retrying after 720ms: The specified bucket does not exist',
      true,
    ],
    [
      'Save(<data/12>) returned error, retrying after 12.2s: dial tcp 10.0.0.9:443: connect: connection refused',
      false,
    ],
  ])('%s', (line, hopeless) => {
    expect(retryIn(line)).toEqual({ why: line.slice(line.indexOf(': ') + 2), hopeless })
  })

  test('another line says nothing of trying again', () => {
    expect(retryIn('Fatal: unable to open config file: context canceled')).toBeUndefined()
  })

  test('an unknown one is a failure that says what restic said; a lock says whose it is', () => {
    expect(resticError(99, 'Fatal: something of tomorrow', 'B2')).toMatchObject({
      code: 'failed',
      message: 'restic failed on B2. Fatal: something of tomorrow',
    })
    const locked = 'repository is already locked by PID 7 on pve by root (UID 0, GID 0)'
    expect(resticError(1, locked, 'B2').message).toBe(
      'Another restic holds the lock of B2. It is PID 7 on pve.',
    )
  })
})
