/** Guests that are on another node than they were when somebody looked. */
import { X509Certificate } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { createHttp } from '../node/http.ts'
import { type Call, fastClock, type Reply, startServer } from '../node/testing.ts'
import { Secret } from '../secret.ts'
import { createProxmox } from './index.ts'
import type { GuestRef } from './types.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const plex: GuestRef = { vmid: 110, type: 'lxc', node: 'pve', name: 'plex' }
const upid = 'UPID:pve2:0000ABCD:00FF00FF:6733A000:vzreboot:110:root@pam!homelab:'
const absent: Reply = {
  status: 500,
  reason: "Configuration file 'nodes/pve/lxc/110.conf' does not exist",
}

async function setUp(script: (call: Call) => Reply | 'cut', where: readonly object[]) {
  const server = await startServer((call) =>
    call.path === '/cluster/resources' ? { data: where } : script(call),
  )
  cleanups.push(async () => server[Symbol.asyncDispose]())
  const http = createHttp({ fingerprint: new X509Certificate(server.certificate).fingerprint256 })
  cleanups.push(() => http.close())
  const pve = createProxmox({
    http,
    clock: fastClock(),
    endpoints: [server.url],
    auth: { kind: 'token', id: 'root@pam!homelab', secret: new Secret('secret') },
    random: () => 0.5,
  })
  const asked = () => server.calls.map(({ method, path }) => `${method} ${path}`)
  return { pve, asked }
}

const onPve2 = [{ type: 'lxc', vmid: 110, node: 'pve2' }]
const oldOnly =
  (answer: Reply) =>
  ({ path }: Call): Reply =>
    path.startsWith('/nodes/pve2/') ? answer : absent

describe('a guest that has moved', () => {
  it('is read on its new node', async () => {
    const { pve, asked } = await setUp(oldOnly({ data: { status: 'running', uptime: 5 } }), onPve2)
    expect(await pve.guestStatus(plex)).toMatchObject({ status: 'running' })
    expect(asked()).toEqual([
      'GET /nodes/pve/lxc/110/status/current',
      'GET /cluster/resources',
      'GET /nodes/pve2/lxc/110/status/current',
    ])
  })

  it('is changed there, once', async () => {
    const { pve, asked } = await setUp(oldOnly({ data: upid }), onPve2)
    expect(await pve.power(plex, 'reboot')).toBe(upid)
    expect(asked().filter((call) => call.startsWith('POST'))).toEqual([
      'POST /nodes/pve/lxc/110/status/reboot',
      'POST /nodes/pve2/lxc/110/status/reboot',
    ])
  })

  it('is changed there when its old node is down', async () => {
    const down: Reply = { status: 595, reason: 'No route to host' }
    const { pve, asked } = await setUp(
      ({ path }) => (path.startsWith('/nodes/pve2/') ? { data: upid } : down),
      onPve2,
    )
    expect(await pve.power(plex, 'start')).toBe(upid)
    expect(asked()).toHaveLength(3)
  })

  it('is not changed again when the first answer is lost', async () => {
    const { pve, asked } = await setUp(() => 'cut', onPve2)
    await expect(pve.power(plex, 'reboot')).rejects.toMatchObject({ code: 'unclear' })
    expect(asked()).toEqual(['POST /nodes/pve/lxc/110/status/reboot'])
  })

  it('is saved on its new node, of which the answer "OK" without a task says nothing', async () => {
    const dump = upid.replace('vzreboot', 'vzdump')
    const { pve } = await setUp(
      ({ path }) => ({ data: path.startsWith('/nodes/pve2/') ? dump : 'OK' }),
      onPve2,
    )
    const request = {
      node: 'pve',
      vmids: [110],
      storage: 'local',
      mode: 'snapshot',
      prune: 'none',
      compress: 'zstd',
    } as const
    expect(await pve.backups.start(request)).toBe(dump)
  })

  it('has its task found on its new node', async () => {
    const { pve } = await setUp(
      ({ path }) => ({ data: path.startsWith('/nodes/pve2/') ? [{ upid }] : [] }),
      onPve2,
    )
    expect(await pve.tasks.latest(plex, 'vzreboot', new Date('2024-11-12T18:30:00Z'))).toBe(upid)
  })
})

describe('a guest that is nowhere else', () => {
  it.each([
    ['gone', []],
    ['still there, says the overview', [{ type: 'lxc', vmid: 110, node: 'pve' }]],
    ['of another kind', [{ type: 'qemu', vmid: 110, node: 'pve2' }]],
  ])('is reported as it was answered: %s', async (_, where) => {
    const { pve } = await setUp(() => absent, where)
    await expect(pve.guestStatus(plex)).rejects.toMatchObject({
      code: 'not-found',
      message: 'There is no CT 110 on pve',
    })
  })
})
