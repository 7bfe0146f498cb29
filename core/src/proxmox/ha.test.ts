/** What Proxmox VE 8 calls groups and 9 calls rules, and the words of both. */
import { X509Certificate } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { createHttp } from '../node/http.ts'
import { fastClock, startServer } from '../node/testing.ts'
import { ruleText } from '../operations/ha/status.ts'
import { Secret } from '../secret.ts'
import { createProxmox } from './index.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function setUp(answers: Readonly<Record<string, unknown>>) {
  const server = await startServer(({ path }) =>
    path in answers
      ? { data: answers[path] }
      : { status: 501, reason: `Method 'GET ${path}' not implemented` },
  )
  cleanups.push(async () => server[Symbol.asyncDispose]())
  const http = createHttp({ fingerprint: new X509Certificate(server.certificate).fingerprint256 })
  cleanups.push(() => http.close())
  return createProxmox({
    http,
    clock: fastClock(),
    endpoints: [server.url],
    auth: { kind: 'token', id: 'root@pam!homelab', secret: new Secret('secret') },
    random: () => 0.5,
  })
}

describe('where guests of HA may run', () => {
  it('is in groups before 9', async () => {
    const pve = await setUp({
      '/version': { version: '8.4.5', release: '8.4' },
      '/cluster/ha/groups': [{ group: 'fast', nodes: 'pve:2,pve2', restricted: 1, type: 'group' }],
    })
    expect((await pve.ha.rules()).map(ruleText)).toEqual(['fast only on pve:2, pve2'])
  })

  it('is in rules from 9 on', async () => {
    const pve = await setUp({
      '/version': { version: '9.0.11', release: '9.0' },
      '/cluster/ha/rules': [
        { rule: 'home', type: 'node-affinity', resources: 'ct:110', nodes: 'pve', strict: 0, disable: 1 },
        { rule: 'apart', type: 'resource-affinity', resources: 'ct:102,ct:103', affinity: 'negative' },
        { rule: 'new', type: 'of-the-future', resources: 'ct:1' },
      ],
    })
    expect((await pve.ha.rules()).map(ruleText)).toEqual([
      'home: ct:110 preferably on pve, switched off',
      'apart: ct:102, ct:103 never on the same node',
    ])
  })

  it('shows what is looked after though nothing was looked at yet', async () => {
    const pve = await setUp({
      '/cluster/ha/status/current': [{ id: 'quorum', type: 'quorum', node: 'pve', status: 'OK', quorate: 1 }],
      '/cluster/ha/resources': [{ sid: 'vm:130', type: 'vm', state: 'enabled', digest: '' }],
    })
    expect(await pve.ha.status()).toEqual({
      quorate: true,
      managers: [],
      resources: [{ sid: 'vm:130', vmid: 130, wanted: 'started', maxRestart: 1, maxRelocate: 1 }],
    })
  })
})
