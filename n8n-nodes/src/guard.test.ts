/** The Proxmox credential, as n8n signs a request with it for any node. */
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
