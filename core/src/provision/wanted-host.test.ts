import { expect, test } from 'vitest'
import { HomelabError } from '../errors.ts'
import type { Shell } from '../ports.ts'
import { groupsIn, withGroups } from './wanted-host.ts'

const devices = [
  { path: '/dev/dri/renderD128', gid: 104 },
  { path: '/dev/dri/card0', gid: 44 },
  { path: '/dev/nvidia0' },
]
const saying = (stdout: string): Shell => ({
  exec: async () => ({ code: 0, stdout, stderr: '', truncated: false }),
})
const { signal } = new AbortController()

test.each([
  ['render:x:993:plex\nvideo:x:44:plex\n', [993, 44, undefined]],
  ['render:x:992:\n', [992, 44, undefined]],
  ['video:x:39:\n', [104, 39, undefined]],
  ['', [104, 44, undefined]],
])('gives a device to the group that the container has: %j', async (said, gids) => {
  const groups = await groupsIn(saying(said), signal)
  expect(withGroups(devices, groups).map(({ gid }) => gid)).toEqual(gids)
})

test('keeps the usual groups when the container stands still', async () => {
  const stopped: Shell = {
    exec: () => Promise.reject(new HomelabError('conflict', 'it does not run')),
  }
  expect(withGroups(devices, await groupsIn(stopped, signal))).toEqual(devices)
})
