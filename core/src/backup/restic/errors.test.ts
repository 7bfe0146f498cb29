import { describe, expect, test } from 'vitest'
import { resticError, retryIn, troubleOf } from './errors.ts'

const warning = 'unable to open cache: readVersion: strconv.ParseUint: parsing "": invalid syntax'
const retry = 'Load(<data/90b0097ca2>, 4096, 0) returned error, retrying after 552ms'
const pack = '90b0097ca2482783832e13720a075863b38f9ba46c0afd4c30828ca05f7366f1'

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
    // 0.19 ends by its cache; what is said to a terminal, and in JSON.
    [
      1,
      `${warning}\nstrconv.ParseUint: parsing "": invalid syntax\nreadVersion\nmain.main\n\tmain.go:1`,
      'cache',
    ],
    [
      1,
      `${warning}\n{"message_type":"exit_error","code":1,"message":"strconv.ParseUint: parsing \\"\\": invalid syntax\\nreadVersion\\nmain.main\\n\\tmain.go:1"}`,
      'cache',
    ],
    // Older ones go on: whatever comes then is another thing.
    [1, `${warning}\nFatal: wrong password or no key found`, 'wrong-password'],
    [1, `${warning}\nFatal: something of tomorrow`, 'unknown'],
    [1, 'Fatal: an empty password is not allowed by default. Pass the flag', 'wrong-password'],
    // What is away, in the words of its programs.
    [1, 'Fatal: unable to open repository: context deadline exceeded', 'unreachable'],
    [1, 'unexpected HTTP response (503): 503 Service Unavailable', 'unreachable'],
    [1, 'ssh: connect to host nas port 22: Connection timed out', 'unreachable'],
    [1, 'Fatal: Get "https://s3/x": net/http: TLS handshake timeout', 'unreachable'],
    // Killed by the kernel: nothing that it said before counts.
    [137, '', 'killed'],
    [143, '', 'cancelled'],
    // Told to end because it tried in vain, by who follows its job: since 0.17.
    [130, `${retry}: The specified bucket does not exist`, 'no-repository'],
    [137, `${retry}: The specified bucket does not exist\nFatal: context canceled`, 'no-repository'],
    [137, `${retry}: i/o timeout`, 'killed'],
    // A word in a name is none of restic’s, nor is a number in a length.
    [1, 'Fatal: open /srv/tls/certificate/timeout: is a directory', 'unknown'],
    [1, 'Load(<data/90b0097ca2>, 507, 403) failed: something of tomorrow', 'unknown'],
    [1, '{"message_type":"error","error":{"message":"odd"},"item":"/tls/timeout"}', 'unknown'],
    // What it tries again is over when it says more after it; when it does not, it is all that is known.
    [1, `${retry}: i/o timeout\nFatal: something of tomorrow`, 'unknown'],
    [1, `${retry}: i/o timeout`, 'unreachable'],
    [1, `${retry}: The specified bucket does not exist\nFatal: context canceled`, 'no-repository'],
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

  describe.each([1, 2, 10, 11, 130])('of a store that rots, whatever it ends with: %s', (code) => {
    test.each([
      // 0.14: flipped, truncated, gone; on restore, dump, ls and check.
      'ignoring error for /srv/tls/a.bin: ciphertext verification failed\nFatal: There were 4 errors',
      `cannot dump file: decrypting blob ${pack} failed: ciphertext verification failed`,
      'Fatal: load <index/d861d479e5>: invalid data returned',
      `Pack ID does not match, want ${pack}, got 7360\nFatal: repository contains errors`,
      'ignoring error for /a: StreamPack: ReadFull: unexpected EOF\nignoring error for /a: UtimesNano: no such file or directory',
      `${retry}: i/o timeout\ncannot dump file: ReadFull(<data/51853140ce>): EOF`,
      `pack ${pack}: unexpected file size: got 507, expected 1014`,
      `id ${pack} not found in repository`,
      `ignoring error for /certificate: StreamPack: open /mnt/b/data/90/${pack}: no such file or directory`,
      // Since 0.17.
      `{"message_type":"error","error":{"message":"decrypting blob \\u003cdata/2fb699c3\\u003e from pack ${pack} failed: ciphertext verification failed"},"during":"restore","item":"/tls/timeout.bin"}`,
      '{"message_type":"error","error":{"message":"ReadFull(\\u003cdata/ca62f9176e\\u003e): file is too short"},"item":"/x"}\n{"message_type":"exit_error","code":1,"message":"Fatal: There were 4 errors"}',
      '{"message_type":"exit_error","code":1,"message":"file is too short\\nReadFull(\\u003cdata/d2f521e6b4\\u003e)\\nmain.main\\n\\tmain.go:1"}',
      `Fatal: cannot dump file: ReadFull(<data/7cd72be73b>): open /r/data/7c/${pack}: no such file or directory`,
      // A store that is not a disk.
      'Load(<data/7cd72be73b>, 10, 0) failed: The specified key does not exist.',
    ])('%s', (said) => {
      expect(troubleOf(code, said)).toBe('damaged')
      expect(resticError(code, said, 'B2')).toMatchObject({
        code: 'failed',
        hint: expect.stringContaining('backup verify <repository>'),
      })
    })
  })

  test.each([
    ['a name', 'Fatal: open /srv/ciphertext verification failed/invalid data returned: is a directory'],
    ['a folder that a restore could not make', 'lchown /t/data/90/x: no such file or directory'],
    ['a config that was never there', 'unable to open config file: Stat: The specified key does not exist.'],
    ['a snapshot that is gone', 'no matching ID found for prefix "abc"'],
  ])('is no rot: %s', (_, said) => {
    expect(troubleOf(1, said)).not.toBe('damaged')
  })

  test('of rot it says what was hit, not its last line', () => {
    const said =
      'ignoring error for /a.bin: ciphertext verification failed\nignoring error for /a.bin: UtimesNano: no such file or directory\nFatal: There were 2 errors'
    expect(resticError(1, said, 'B2').message).toBe(
      'Some of what B2 holds is damaged or gone. /a.bin: ciphertext verification failed',
    )
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
