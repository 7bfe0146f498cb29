/** The Proxmox credential, as n8n signs a request with it for any node. */
import { Readable } from 'node:stream'
import type { IHttpRequestOptions } from 'n8n-workflow'
import { describe, expect, it } from 'vitest'
import { ProxmoxVeApi } from '../credentials/ProxmoxVeApi.credentials.ts'

const base = 'https://192.0.2.10:8006/api2/json'
const guest = `${base}/nodes/pve/lxc/110`

const sign = (own: object, request: object) =>
  new ProxmoxVeApi().authenticate(
    { url: 'https://192.0.2.10:8006', tokenId: 'n8n@pve!t', tokenSecret: 's', ...own },
    request as IHttpRequestOptions,
  )
const signed = { headers: { Authorization: 'PVEAPIToken=n8n@pve!t=s' } }

describe('a credential that is read-only', () => {
  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'post'])('signs no %s', async (method) => {
    for (const readOnly of [true, 'true', 1, null])
      await expect(sign({ readOnly }, { method, url: guest })).rejects.toThrow('read-only')
  })

  it('signs what reads, and its own test', async () => {
    for (const request of [
      { method: 'GET', url: guest },
      { method: 'HEAD', url: guest },
      { baseURL: 'https://192.0.2.10:8006', url: '/api2/json/version' },
    ])
      expect(await sign({ readOnly: true, protectedVmids: '110' }, request)).toMatchObject(signed)
  })
})

describe('a credential that protects guests', () => {
  const own = { readOnly: false, protectedVmids: '105, 110' }

  it.each([
    { method: 'POST', url: `${guest}/status/stop` },
    { method: 'DELETE', url: guest },
    { method: 'DELETE', url: `${guest}?purge=1` },
    { method: 'PUT', uri: `${guest}/config` },
    { method: 'PUT', url: `${base}/nodes/pve/qemu/105/config` },
    { method: 'PUT', baseURL: 'https://192.0.2.10:8006', url: '/api2/json/nodes/pve/qemu/105/config' },
    { method: 'POST', url: `${base}/nodes/pve/l%78c//%31%310/status/stop` },
    { method: 'POST', url: `${base}/nodes/pve/x/../lxc/0110/status/stop` },
  ])('signs no change of theirs: $method $url$uri', async (request) => {
    await expect(sign(own, request)).rejects.toThrow(/guest 1(05|10), which is protected/)
  })

  it('signs changes of others, and looks', async () => {
    for (const request of [
      { method: 'POST', url: `${base}/nodes/pve/lxc/111/status/stop` },
      { method: 'PUT', url: `${base}/nodes/pve/lxc/1100/config` },
      { method: 'GET', url: `${guest}/config` },
    ])
      expect(await sign(own, request)).toMatchObject(signed)
  })

  const ct = { method: 'POST', url: `${base}/nodes/pve/lxc` }
  const vzdump = { method: 'POST', url: `${base}/nodes/pve/vzdump` }
  const json = (body: unknown, headers = { 'content-type': 'application/json' }) => ({
    headers,
    body: JSON.stringify(body),
  })

  it.each([
    [{ ...ct, body: { vmid: 110, force: 1, restore: 1 } }],
    [{ ...ct, body: { vmid: '0110' } }],
    [{ ...ct, url: `${base}/nodes/pve/qemu`, form: { vmid: '105', archive: 'x' } }],
    [{ ...ct, formData: { vmid: '105' } }],
    [{ ...ct, qs: { vmid: 110 } }],
    [{ ...ct, url: `${base}/nodes/pve/lxc?vmid=%31%310`, body: { vmid: 111 } }],
    [{ ...ct, body: 'force=1&vmid=110' }],
    [{ ...ct, body: '#&vmid=110' }],
    [{ ...ct, body: new URLSearchParams({ vmid: '110' }) }],
    [{ ...ct, body: Buffer.from('{"vmid":110}') }],
    [{ ...ct, ...json({ vmid: 110 }) }],
    [{ ...ct, ...json({ vmid: 110 }, { 'content-type': 'application/x-www-form-urlencoded' }) }],
    [{ ...ct, body: '{"x":"&vmid=110&"}' }],
    [{ ...ct, body: { vmid: 111, ostemplate: 'local:backup/vzdump-lxc-110-2026_11_25-02_00_00.tar.zst' } }],
    [
      {
        ...ct,
        method: 'PUT',
        url: `${base}/nodes/pve/lxc/111/config`,
        body: { mp0: 'tank:subvol-110-disk-0,mp=/x' },
      },
    ],
    [{ ...vzdump, body: { vmid: '111,110', storage: 'local' } }],
    [{ ...vzdump, body: { vmid: ['111', 110] } }],
    [{ ...ct, url: `${base}/nodes/pve/lxc/111/clone`, body: { newid: 110 } }],
    [{ ...ct, url: `${base}/nodes/pve/lxc/111/move_volume`, body: { 'target-vmid': '110' } }],
    [{ ...ct, url: `${base}/nodes/pve/startall`, body: { vms: '110' } }],
    [{ ...ct, url: `${base}/cluster/ha/resources`, body: { sid: 'ct:110' } }],
    [{ method: 'DELETE', url: `${base}/cluster/ha/resources/vm%3A105` }],
    [{ method: 'POST', url: `${base}/cluster/ha/rules`, body: { resources: 'vm:101,vm:105' } }],
    [{ method: 'PUT', url: `${base}/pools`, body: { poolid: 'x', vms: '110', delete: 1 } }],
    [{ method: 'PUT', url: `${base}/access/acl`, body: { path: '/vms/110', roles: 'NoAccess' } }],
    [{ method: 'POST', url: `${base}/cluster/replication`, body: { id: '110-0', target: 'pve2' } }],
    [{ method: 'DELETE', url: `${base}/nodes/pve/tasks/UPID:pve:0003A1B2:01:66:vzdump:110:root@pam:` }],
    [{ method: 'DELETE', url: `${base}/nodes/pve/storage/tank/content/tank:vm-105-disk-0` }],
    [{ method: 'DELETE', url: `${base}/nodes/pve/storage/tank/prunebackups`, qs: { vmid: 110 } }],
  ])('signs none that names them elsewhere: %j', async (request) => {
    await expect(sign(own, request)).rejects.toThrow(/guest 1(05|10), which is protected/)
  })

  it.each([
    [{ ...vzdump, body: { all: 1, storage: 'local' } }],
    [{ ...vzdump, body: { pool: 'media' } }],
    [{ ...vzdump, body: { exclude: '111' } }],
    [{ ...vzdump, body: { vmid: '111', all: true } }],
    [{ ...vzdump, body: { storage: 'local' } }],
    [{ ...vzdump }],
    [{ ...vzdump, url: `${base}/cluster/backup`, body: { pool: 'media', schedule: 'daily' } }],
    [{ ...ct, url: `${base}/nodes/pve/stopall` }],
    [{ ...ct, url: `${base}/cluster/bulk-action/guest/shutdown`, body: {} }],
    [{ ...ct, url: `${base}/nodes/pve/status`, body: { command: 'reboot' } }],
    [{ ...ct, url: `${base}/nodes/pve/execute`, body: { commands: '[]' } }],
    [{ method: 'DELETE', url: `${base}/nodes/pve/storage/tank/prunebackups` }],
  ])('signs none that takes guests without a name: %j', async (request) => {
    await expect(sign(own, request)).rejects.toThrow('does not name')
  })

  it.each([
    ['a stream', { ...ct, body: Readable.from(['vmid=110']) }],
    ['a file in a form', { ...ct, formData: { vmid: { value: Buffer.from('110'), options: {} } } }],
    ['broken JSON', { ...ct, body: '{"vmid": 11' }],
    ['a blob', { ...ct, body: new Blob(['vmid=110']) }],
  ])('signs none that sends %s', async (_, request) => {
    await expect(sign(own, request)).rejects.toThrow('cannot be read')
  })

  it.each([
    [{ ...ct, body: { vmid: 111, memory: 110, description: 'Like 110, of vzdump-lxc-110-1' } }],
    [{ ...ct, ...json({ vmid: 1100, hostname: 'ct110' }) }],
    [{ ...vzdump, body: { vmid: '111', all: 0, pool: '', 'exclude-path': '/tmp' } }],
    [{ ...ct, url: `${base}/nodes/pve/stopall`, body: { vms: '111,112' } }],
    [{ ...vzdump, method: 'PUT', url: `${base}/cluster/backup/weekly`, body: { enabled: 0 } }],
    [{ ...ct, url: `${base}/nodes/pve/lxc/111/clone`, body: { newid: 555, hostname: 'web' } }],
    [
      {
        ...ct,
        url: `${base}/nodes/pve/storage/local/upload`,
        formData: { content: 'iso', filename: { value: Readable.from(['']) } },
      },
    ],
  ])('signs changes of others that send something: %j', async (request) => {
    expect(await sign(own, request)).toMatchObject(signed)
  })

  it('signs no change when its list or the address is not understood', async () => {
    const other = `${base}/nodes/pve/lxc/111/config`
    await expect(sign({ protectedVmids: 'plex' }, { method: 'PUT', url: other })).rejects.toThrow('no VMID')
    await expect(sign(own, { method: 'PUT', url: `${base}/%E0%A4%A` })).rejects.toThrow('cannot be read')
  })
})

it('a credential without switches signs everything', async () => {
  expect(await sign({ readOnly: false, protectedVmids: '' }, { method: 'DELETE', url: guest })).toMatchObject(
    signed,
  )
})
