import { describe, expect, it } from 'vitest'
import { HomelabError } from '../errors.ts'
import type { Client } from './client.ts'
import { guestAddresses, guestStatus, power, powerTask } from './guests.ts'
import { at, encodeParams, type Params } from './path.ts'
import type { GuestRef, GuestType } from './types.ts'

const guest = (type: GuestType): GuestRef => ({ vmid: 110, type, node: 'pve', name: 'plex' })

/** A client that gives one answer to everything and keeps what it was asked. */
function answering(data: unknown) {
  const asked: { path: string; form?: Params }[] = []
  const answer = (path: string, form?: Params) => {
    asked.push({ path, ...(form === undefined ? {} : { form }) })
    return data instanceof Error ? Promise.reject(data) : Promise.resolve({ data, clockOffset: 0 })
  }
  const client: Client = {
    auth: { kind: 'token', user: 'root@pam!x', headers: () => Promise.resolve({}), renew: () => false },
    get: (path) => answer(path),
    send: (_, path, form) => answer(path, form),
  }
  return { client, asked }
}

describe('encoding', () => {
  it('leaves nothing for the server to split on', () => {
    expect(encodeParams({ tags: 'a;b&c', start: true, force: false, none: undefined, n: 5 })).toBe(
      'tags=a%3Bb%26c&start=1&force=0&n=5',
    )
    expect(at`/nodes/${'pve'}/tasks/${"UPID:a@b!c'(*)"}/log`).toBe(
      '/nodes/pve/tasks/UPID%3Aa%40b%21c%27%28%2A%29/log',
    )
  })

  it.each(['', '.', '..'])('refuses "%s" as part of a path', (part) => {
    expect(() => at`/nodes/${part}/status`).toThrow(HomelabError)
  })
})

describe('power', () => {
  const upid = 'UPID:pve:0000ABCD:00FF00FF:6733A000:vzstop:110:root@pam!x:'
  const all = { timeout: 20, force: true, overrule: true }

  it.each([
    ['lxc', 'start', ''],
    ['lxc', 'stop', 'overrule-shutdown=1'],
    ['lxc', 'shutdown', 'timeout=20&forceStop=1'],
    ['lxc', 'reboot', 'timeout=20'],
    ['qemu', 'start', 'timeout=20'],
    ['qemu', 'stop', 'overrule-shutdown=1&timeout=20'],
    ['qemu', 'shutdown', 'timeout=20&forceStop=1'],
    ['qemu', 'reboot', 'timeout=20'],
  ] as const)('%s %s sends what its schema has', async (type, action, body) => {
    const { client, asked } = answering(upid)
    expect(await power(client, guest(type), action, all)).toBe(upid)
    expect(asked[0]?.path).toBe(`/nodes/pve/${type}/110/status/${action}`)
    expect(encodeParams(asked[0]?.form ?? {})).toBe(body)
  })

  it('asks HA for nothing that it refuses', async () => {
    const { client, asked } = answering(upid)
    await power(client, { ...guest('lxc'), hastate: 'started' }, 'stop', all)
    expect(encodeParams(asked[0]?.form ?? {})).toBe('')
  })

  it('makes tasks whose type depends on kind and HA', () => {
    expect(powerTask(guest('lxc'), 'reboot')).toBe('vzreboot')
    expect(powerTask(guest('qemu'), 'shutdown')).toBe('qmshutdown')
    const managed = { ...guest('lxc'), hastate: 'started' }
    expect(powerTask(managed, 'start')).toBe('hastart')
    expect(powerTask(managed, 'shutdown')).toBe('hastop')
    expect(powerTask(managed, 'reboot')).toBe('vzreboot')
    expect(powerTask({ ...managed, hastate: 'ignored' }, 'stop')).toBe('vzstop')
  })
})

describe('guest status', () => {
  it('knows a paused VM, a lock and HA', async () => {
    const data = { status: 'running', qmpstatus: 'paused', uptime: 5, lock: 'backup', ha: { managed: 1 } }
    expect(await guestStatus(answering(data).client, guest('qemu'))).toEqual({
      status: 'paused',
      uptime: 5,
      lock: 'backup',
      ha: true,
    })
    expect(
      await guestStatus(answering({ status: 'stopped', ha: { managed: 0 } }).client, guest('lxc')),
    ).toEqual({
      status: 'stopped',
      uptime: 0,
      ha: false,
    })
  })
})

describe('addresses', () => {
  it('of a container, in the form of PVE 8 and 9', async () => {
    const data = [
      { name: 'lo', inet: '127.0.0.1/8', inet6: '::1/128' },
      {
        name: 'eth0',
        inet: '10.0.0.10/24',
        inet6: 'fe80::1/64',
        'ip-addresses': [{ 'ip-address': '10.0.0.10' }, { 'ip-address': 'fd00::2' }],
      },
      { name: 'eth1' },
    ]
    expect(await guestAddresses(answering(data).client, guest('lxc'))).toEqual(['10.0.0.10', 'fd00::2'])
    expect(await guestAddresses(answering(null).client, guest('lxc'))).toEqual([])
  })

  it('of a VM, from its agent', async () => {
    const data = { result: [{ name: 'ens18', 'ip-addresses': [{ 'ip-address': '10.0.0.20', prefix: 24 }] }] }
    const { client, asked } = answering(data)
    expect(await guestAddresses(client, guest('qemu'))).toEqual(['10.0.0.20'])
    expect(asked[0]?.path).toBe('/nodes/pve/qemu/110/agent/network-get-interfaces')
  })

  it.each([
    new HomelabError('failed', 'x', { data: { text: 'QEMU guest agent is not running' } }),
    new HomelabError('failed', 'x', { data: { text: 'No QEMU guest agent configured' } }),
    new HomelabError('conflict', 'CT 110 is not running'),
  ])('are none without an agent or when it is stopped', async (error) => {
    expect(await guestAddresses(answering(error).client, guest('qemu'))).toEqual([])
  })

  it('other errors are not hidden', async () => {
    const error = new HomelabError('unauthorised', 'no')
    await expect(guestAddresses(answering(error).client, guest('qemu'))).rejects.toBe(error)
  })
})
