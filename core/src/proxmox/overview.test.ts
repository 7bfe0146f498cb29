import { X509Certificate } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createHttp } from '../node/http.ts'
import { fastClock, type Script, startServer } from '../node/testing.ts'
import { Secret } from '../secret.ts'
import { createProxmox, mapResources } from './index.ts'

async function overview(script: Script) {
  await using server = await startServer(script)
  const http = createHttp({ fingerprint: new X509Certificate(server.certificate).fingerprint256 })
  const auth = { kind: 'token', id: 'root@pam!homelab', secret: new Secret('secret') } as const
  try {
    const result = await createProxmox({ http, clock: fastClock(), endpoints: [server.url], auth }).overview()
    return { result, paths: server.calls.map((call) => call.path) }
  } finally {
    await http.close()
  }
}

const rows = [
  {
    id: 'node/pve',
    type: 'node',
    node: 'pve',
    status: 'online',
    cpu: 0.1,
    maxcpu: 8,
    mem: 5,
    maxmem: 32,
    uptime: 99,
  },
  {
    id: 'lxc/110',
    type: 'lxc',
    vmid: 110,
    name: 'plex',
    node: 'pve',
    status: 'running',
    tags: 'media;prod',
    lock: 'backup',
    hastate: 'started',
    template: 0,
    cpu: 0.5,
    maxcpu: 2,
    uptime: 10,
    'key-of-a-later-version': 1,
  },
  { id: 'qemu/200', type: 'qemu', vmid: 200, node: 'gone', status: 'unknown', template: 1 },
  {
    id: 'storage/pve/tesla',
    type: 'storage',
    storage: 'tesla',
    node: 'pve',
    status: 'available',
    plugintype: 'dir',
    content: 'rootdir,images',
    shared: 0,
    disk: 3,
    maxdisk: 9,
  },
  { id: 'sdn/pve/localnetwork', type: 'sdn', node: 'pve', sdn: 'localnetwork' },
  { id: 'pool/media', type: 'pool', pool: 'media' },
]

describe('overview', () => {
  it('is one call, and tolerates missing and unknown keys', async () => {
    const { result, paths } = await overview(() => ({ data: rows }))
    expect(paths).toEqual(['/cluster/resources'])
    expect(result.filtered).toBe(false)
    expect(result.nodes).toMatchObject([{ node: 'pve', status: 'online', maxcpu: 8, disk: 0 }])
    expect(result.guests).toMatchObject([
      {
        vmid: 110,
        name: 'plex',
        status: 'running',
        tags: ['media', 'prod'],
        lock: 'backup',
        hastate: 'started',
      },
      { vmid: 200, type: 'qemu', name: '200', status: 'unknown', template: true, tags: [], mem: 0 },
    ])
    expect(result.guests[1]).not.toHaveProperty('lock')
    expect(result.storages).toMatchObject([
      { storage: 'tesla', plugin: 'dir', content: ['rootdir', 'images'], shared: false, used: 3, total: 9 },
    ])
  })

  it('tells a token that sees nothing from a lab without guests', async () => {
    const answer = (permissions: unknown) =>
      overview(({ path }) => ({ data: path === '/cluster/resources' ? [rows[0]] : permissions }))
    const blind = await answer({
      '/': { 'Sys.Audit': 1 },
      '/storage': { 'Datastore.Audit': 1, 'VM.Audit': 1 },
    })
    expect(blind.result).toMatchObject({ guests: [], filtered: true })
    expect(blind.paths).toEqual(['/cluster/resources', '/access/permissions'])
    expect((await answer({ '/vms': { 'VM.Audit': 1 } })).result.filtered).toBe(false)
    expect((await answer({ '/': { 'VM.Audit': 0 } })).result.filtered).toBe(false)
    expect((await answer({})).result.filtered).toBe(true)
  })

  it('refuses an answer of another shape', () => {
    expect(() => mapResources({ guests: [] })).toThrow(/unexpected form/)
  })
})
