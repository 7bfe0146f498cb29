/** What is sent to a node, and what its answers mean; the changes themselves are tried on the simulated one. */
import { describe, expect, it } from 'vitest'
import type { ExecResult, Shell } from '../ports.ts'
import { setFeatures } from './features.ts'
import { fstabTargets, lookAtHost } from './look.ts'
import { addMounts, checkPath } from './mounts.ts'
import { configNow, freeKeys } from './pct.ts'

const guest = { vmid: 120, type: 'lxc', node: 'pve', name: 'immich' } as const

const saying = (answer: Partial<ExecResult>): Shell & { readonly calls: (readonly string[])[] } => {
  const calls: (readonly string[])[] = []
  return {
    calls,
    exec: async (argv) => {
      calls.push(argv)
      return { code: 0, stdout: '', stderr: '', truncated: false, ...answer }
    },
  }
}

describe('pct', () => {
  it('reads a configuration, repeated lines as one', async () => {
    const shell = saying({ stdout: 'memory: 512\nlxc.idmap: u 0 1 2\nlxc.idmap: g 0 1 2\n' })
    expect(await configNow(guest, shell)).toEqual({ memory: '512', 'lxc.idmap': 'u 0 1 2\ng 0 1 2' })
    expect(shell.calls).toEqual([['pct', 'config', '120']])
  })

  it.each([
    [255, 'CT is locked (backup)\n', 'locked', 'immich (CT 120) is locked (backup)'],
    [255, "can't lock file '/run/lock/lxc/pve-config-120.lock' - got timeout\n", 'locked', 'something else'],
    [2, "Configuration file 'nodes/pve/lxc/120.conf' does not exist\n", 'not-found', 'no container 120'],
    [255, 'please run as root\n', 'unauthorised', 'for root only'],
    [127, 'sh: 1: pct: not found\n', 'config', 'has no pct'],
    [255, 'Unknown option: dev0\n400 unable to parse option\n', 'failed', 'does not know --dev0'],
    [25, 'some words\nzfs error: it broke\n', 'failed', 'zfs error: it broke'],
    [null, '', 'failed', 'a signal'],
  ] as const)('%s %j', async (code, stderr, expected, message) => {
    await expect(configNow(guest, saying({ code, stderr }))).rejects.toMatchObject({
      code: expected,
      message: expect.stringContaining(message),
    })
  })

  it('is not for virtual machines', async () => {
    await expect(configNow({ ...guest, type: 'qemu' }, saying({}))).rejects.toThrow('containers only')
  })
})

it('finds the lowest free numbers', () => {
  expect(freeKeys({ mp0: 'a', mp2: 'b', memory: '1' }, 'mp', 2)).toEqual(['mp1', 'mp3'])
  const full = Object.fromEntries(Array.from({ length: 256 }, (_, at) => [`mp${at}`, 'x']))
  expect(() => freeKeys(full, 'mp', 1)).toThrow('no free mp')
})

describe('paths', () => {
  it.each(['', 'a', '/', '/a,b', '/a b', '/a"b', "/a'b", '/a\nb', '/../etc', '/a/./b', '/a\\b', '/a/..'])(
    'refuses %j',
    (path) => expect(() => checkPath(path)).toThrow('cannot be mounted'),
  )
  it('writes the same folder the same', () => {
    expect(checkPath('/Apollo//Media/')).toBe('/Apollo/Media')
    expect(checkPath('/a/..b/c')).toBe('/a/..b/c')
  })
  it('are refused before anything is sent', async () => {
    const shell = saying({})
    await expect(addMounts(guest, [{ source: '/a,ro=0', target: '/b' }], shell)).rejects.toMatchObject({
      code: 'usage',
    })
    await expect(
      addMounts(
        guest,
        [
          { source: '/a', target: '/b' },
          { source: '/c', target: '/b/' },
        ],
        shell,
      ),
    ).rejects.toThrow('two mounts')
    await expect(lookAtHost(shell, { paths: ['/a\nb'] })).rejects.toMatchObject({ code: 'usage' })
    await expect(setFeatures(guest, 'nesting', shell)).rejects.toMatchObject({ code: 'usage' })
    await expect(setFeatures(guest, 'rootkit=1', shell)).rejects.toMatchObject({
      hint: expect.stringContaining('nesting'),
    })
    expect(shell.calls).toEqual([])
  })
})

describe('lookAtHost', () => {
  const answer = [
    '41ed|0|0|/|/',
    '41fd|0|44|/|/Apollo',
    '41ed|1000|1001|/Data|/Data',
    '81a4|1000|1000|/Data|/Data/file',
    '2190|0|104|/dev|/dev/dri/renderD128',
    '--',
    '/sys/class/net/vmbr1',
    '/sys/class/net/vmbr0/bridge',
    '/sys/class/net/vmbr0',
    '/sys/class/net/br-lan/bridge',
    '--',
    '# a table',
    '/dev/md0 /Apollo ext4 defaults 0 2',
    'UUID=1 none swap sw 0 0',
    '/dev/sdb1\t/Data xfs defaults 0 2',
    '',
  ].join('\n')

  it('says what is there, on which disk, and which disk is not mounted', async () => {
    const shell = saying({ stdout: answer })
    const seen = await lookAtHost(shell, {
      paths: ['/Apollo/Media', '/Data', '/Data/file', '/Data/new/deep', '/'],
      devices: ['/dev/dri/renderD128', '/dev/nvidia0'],
    })
    expect(seen).toEqual({
      paths: {
        '/Apollo/Media': { kind: 'absent', on: '/', mountPoint: false, unmounted: '/Apollo' },
        '/Data': { kind: 'folder', uid: 1000, gid: 1001, mode: '755', on: '/Data', mountPoint: true },
        '/Data/file': { kind: 'file', uid: 1000, gid: 1000, mode: '644', on: '/Data', mountPoint: false },
        '/Data/new/deep': { kind: 'absent', on: '/Data', mountPoint: false },
        '/': { kind: 'folder', uid: 0, gid: 0, mode: '755', on: '/', mountPoint: true },
      },
      devices: { '/dev/dri/renderD128': { gid: 104, mode: '620' }, '/dev/nvidia0': null },
      bridges: ['br-lan', 'vmbr0', 'vmbr1'],
    })
    expect(shell.calls).toHaveLength(1)
  })

  it('does not take half an answer', async () => {
    await expect(lookAtHost(saying({ stdout: '41ed|0|0|/|/\n--\n' }), {})).rejects.toMatchObject({
      code: 'failed',
    })
  })

  it('reads a table of mounts', () => {
    expect(fstabTargets('/dev/a /a\\040b ext4\n#/dev/b /b\n/dev/c / ext4\nproc none proc\n')).toEqual([
      '/a b',
    ])
  })
})
