import { expect, test } from 'vitest'
import { errorData, fromErrorData, HomelabError, TransportError } from '../errors.ts'
import type { ExecOptions, ExecResult, Shell } from '../ports.ts'
import { explain } from '../proxmox/backup-errors.ts'
import { blame, copySeen, roomForCopy, systemOf } from './guest-proof.ts'

const result = (stdout: string, code = 0, stderr = ''): ExecResult => ({
  code,
  stdout,
  stderr,
  truncated: false,
})

/** A container that gives these answers in turn, the last one for ever; and a clock that moves by sleeping. */
function container(...answers: readonly (ExecResult | HomelabError)[]) {
  let at = 0
  let asked = 0
  const calls: (readonly string[])[] = []
  const shell: Shell = {
    exec: async (argv: readonly string[], options: ExecOptions = {}) => {
      calls.push(argv)
      const answer = answers[Math.min(asked, answers.length - 1)]
      asked += 1
      if (answer === undefined) throw new HomelabError('bug', 'no answer')
      if (answer instanceof HomelabError) {
        // As long as it may.
        at += options.timeoutMs ?? 0
        throw answer
      }
      return answer
    },
  }
  const clock = {
    now: () => new Date(at),
    monotonic: () => at,
    sleep: async (ms: number) => {
      at += ms
    },
  }
  return { calls, ask: () => systemOf(shell, clock, new AbortController().signal) }
}

const ask = ['systemctl', 'is-system-running', '--wait']

const failedOnes = ['systemctl', 'list-units', '--failed', '--plain', '--no-legend', '--no-pager']

test('a system that came up', async () => {
  const { ask: look, calls } = container(result('running\n'))
  expect(await look()).toEqual({ system: 'running', units: [] })
  expect(calls).toEqual([ask])
})

test('one of which some units failed names them', async () => {
  const lines =
    'immich.service loaded failed failed Immich\nnetworking.service loaded failed failed Raise network interfaces\n'
  const { ask: look, calls } = container(result('degraded\n', 1), result(lines))
  const seen = await look()
  expect(seen).toEqual({ system: 'degraded', units: ['immich.service', 'networking.service'] })
  expect(calls).toEqual([ask, failedOnes])
  expect(copySeen(seen)).toMatchObject({
    tone: 'warning',
    known: 'came up; with the network off immich.service, networking.service failed',
  })
  // Those that wait for a network are no news where there is none.
  const usual = ['networking.service', 'systemd-networkd-wait-online.service']
  expect(copySeen({ system: 'degraded', units: usual })).toMatchObject({
    tone: 'ok',
    known: expect.stringContaining('networking.service'),
  })
  expect(copySeen({ system: 'degraded', units: [] }).tone).toBe('warning')
})

test('what is not there yet is asked again', async () => {
  const nothing = result('', 1, 'Failed to connect to bus: No such file or directory')
  const { ask: look, calls } = container(
    nothing,
    result('offline\n', 1),
    result('starting\n', 1),
    result('running\n'),
  )
  expect(await look()).toMatchObject({ system: 'running' })
  expect(calls).toHaveLength(4)
})

test('without systemd, that a program runs is all that is known', async () => {
  const missing = result('', 127, 'lxc-attach: 9900: Failed to exec "systemctl"')
  const alpine = container(missing, result(''))
  expect(await alpine.ask()).toEqual({ system: 'answers', units: [] })
  expect(alpine.calls).toEqual([ask, ['/bin/true']])
  await expect(container(missing, missing).ask()).rejects.toMatchObject({ code: 'failed' })
})

test('one that does not come up is not called proven', async () => {
  await expect(container(result('maintenance\n', 1)).ask()).rejects.toSatisfy(blamesArchive)
  await expect(container(result('starting\n', 1)).ask()).rejects.toMatchObject({
    code: 'timeout',
    message: expect.stringContaining('it is starting'),
  })
  await expect(container(result('starting\n', 1)).ask()).rejects.toSatisfy(blamesArchive)
  const nothingRuns = result('', 127, 'lxc-attach: 9900: Failed to exec')
  await expect(container(nothingRuns).ask()).rejects.toSatisfy(blamesArchive)
})

test('one that is waited for in vain is asked once more, and only its own answer is held against it', async () => {
  const slow = new HomelabError('timeout', 'pct on pve did not end within 600 s', { data: { started: true } })
  const late = container(slow, result('starting\n', 1))
  await expect(late.ask()).rejects.toSatisfy(blamesArchive)
  expect(late.calls).toEqual([ask, ['systemctl', 'is-system-running']])
  expect(await container(slow, result('running\n')).ask()).toMatchObject({ system: 'running' })
  await expect(container(slow, slow).ask()).rejects.not.toSatisfy(blamesArchive)
})

/** As the operation gets it out of a step: journalled, and made anew from that. */
const kept = (error: unknown) => fromErrorData(errorData(error))
const blamesArchive = (error: unknown) => blame(kept(error)) === 'archive'

const task = (exitStatus: string) =>
  new HomelabError('failed', 'The restore failed', { data: { exitStatus } })

const full = (said: string) =>
  explain(new HomelabError('failed', said), { what: 'The restore', node: 'pve', storage: 'tesla' })

test.each([
  ['a task on it failed', task('unable to restore CT 9900 - exit code 2'), 'archive'],
  ['a look at its copy found it', new HomelabError('failed', 'no', { data: { ofArchive: true } }), 'archive'],
  ['it has no configuration', full('ERROR: archive contains no configuration file'), 'archive'],
  ['its task was killed', task('unexpected status'), 'nobody'],
  ['its task was stopped', task('interrupted by signal'), 'nobody'],
  ['its worker was stopped', task('unable to restore CT 9900 - received interrupt'), 'nobody'],
  ['a program of its task was killed', task("command 'zstd' failed: got signal 9"), 'nobody'],
  [
    'its task was stopped, and so it ended in the middle',
    explain(task('interrupted by signal'), { what: 'The restore', node: 'pve' }, [
      'tar: Unexpected EOF in archive',
    ]),
    'nobody',
  ],
  [
    'a command on the node was too slow',
    new HomelabError('timeout', 'pct', { data: { started: true } }),
    'nobody',
  ],
  ['the node takes no session', new HomelabError('failed', 'pve refuses SSH sessions'), 'nobody'],
  ['it is damaged', full('tar: Unexpected EOF in archive'), 'archive'],
  ['the storage is full', full('write: No space left on device'), 'nobody'],
  ['there is no extent left', full('Volume group "pve" has insufficient free space (3 extents)'), 'nobody'],
  [
    'the pool is full',
    full('Cannot create new thin volume, free space in thin pool pve/data reached threshold.'),
    'nobody',
  ],
  ['its copy is not gone', new HomelabError('failed', 'left', { data: { ofArchive: false } }), 'nobody'],
  ['the token may not', new HomelabError('unauthorised', 'no'), 'nobody'],
  ['the storage is gone', new HomelabError('not-found', 'no'), 'nobody'],
  ['the copy would not be alone', new HomelabError('conflict', 'no'), 'nobody'],
  ['no answer came in time', new TransportError('slow', true, { code: 'timeout' }), 'nobody'],
  ['no answer came', new TransportError('cut', true), undefined],
  ['the node is away', new HomelabError('unreachable', 'no'), undefined],
  ['another task has it', new HomelabError('locked', 'no'), undefined],
])('whose fault it is when %s', (_, error, whose) => {
  expect(blame(error)).toBe(whose)
  expect(blame(kept(error))).toBe(whose)
})

const G = 2 ** 30
const config = { rootfs: 'lvm:vm-110-disk-0,size=8G', mp0: 'lvm:vm-110-disk-1,mp=/data,backup=1,size=500G' }
const room = (used: number, disks: Readonly<Record<string, string>> = config, type: 'lxc' | 'qemu' = 'lxc') =>
  roomForCopy(
    { node: 'pve', storage: 'lvm', type, config: disks },
    {
      guests: [{ vmid: 110, type, disk: 3 * G }],
      storages: [{ storage: 'lvm', node: 'pve', total: 1_000 * G, used: used * G }],
    } as unknown as Parameters<typeof roomForCopy>[1],
    110,
  )

test('a copy has all volumes, of which only the root file system is known to be less full than large', () => {
  // 503 GiB and a tenth of the storage.
  expect(room(396)).toEqual({ storage: 'lvm', bytes: 508 * G, free: 604 * G })
  expect(() => room(398)).toThrow('it needs 503 GiB, 602 GiB are free, and 100 GiB are to stay so')
})

test('a copy never takes the last of a storage that live guests are on', () => {
  const small = { rootfs: 'lvm:vm-110-disk-0,size=8G' }
  expect(room(896, small).free).toBe(104 * G)
  expect(() => room(898, small)).toThrow('are to stay so')
  expect(() => room(895, { scsi0: 'lvm:vm-110-disk-0,size=8G' }, 'qemu')).toThrow('it needs 8.0 GiB')
})
