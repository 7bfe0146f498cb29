/** Queue mode: one main process that takes webhooks, two workers that run, Redis and PostgreSQL between them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Server } from '../support/server.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { requireTool } from '../support/tools.ts'
import type { Execution } from './support/n8n-real/client.ts'
import { eventually } from './support/n8n-real/eventually.ts'
import { proxmoxCredential } from './support/n8n-real/lab.ts'
import { type Redis, startRedis } from './support/n8n-real/redis.ts'
import { type RealN8n, startRealN8n } from './support/n8n-real/server.ts'

const executions = 200
const atOnce = 20

describe.skipIf(!requireTool('redis-server'))('n8n in queue mode', () => {
  let simulator: Simulator
  let redis: Redis
  let n8n: RealN8n
  let workers: readonly Server[]

  beforeAll(async () => {
    simulator = await startSimulator({ guests: executions + 40, speed: 0.02 })
    redis = await startRedis()
    n8n = await startRealN8n({ redis })
    workers = await Promise.all([n8n.addWorker(), n8n.addWorker()])
  })
  afterAll(async () => {
    await n8n?.[Symbol.asyncDispose]()
    await redis?.[Symbol.asyncDispose]()
    await simulator?.[Symbol.asyncDispose]()
  })

  it(`restarts ${executions} guests by ${executions} executions, each exactly once`, async () => {
    const { client } = n8n
    const id = await client.addCredential('proxmoxVeApi', 'Proxmox VE', proxmoxCredential(simulator))
    const path = 'restart-one'
    const workflow = await client.importWorkflow({
      name: 'Restart one guest',
      nodes: [
        {
          id: '1',
          name: 'Asked',
          type: 'n8n-nodes-base.webhook',
          typeVersion: 2,
          position: [0, 0],
          parameters: { httpMethod: 'POST', path, responseMode: 'onReceived' },
          webhookId: path,
        },
        {
          id: '2',
          name: 'Restart',
          type: 'n8n-nodes-homelab.proxmoxVe',
          typeVersion: 1,
          position: [200, 0],
          parameters: {
            resource: 'guest',
            operation: 'restart',
            guest: { __rl: true, mode: 'id', value: '={{ $json.body.vmid }}' },
          },
          credentials: { proxmoxVeApi: { id, name: 'Proxmox VE' } },
        },
      ],
      connections: { Asked: { main: [[{ node: 'Restart', type: 'main', index: 0 }]] } },
    })
    await client.publish(workflow)
    const { guests } = await simulator.state()
    const vmids = guests
      .filter(({ state }) => state === 'running')
      .map(({ vmid }) => vmid)
      .slice(0, executions)
    expect(vmids).toHaveLength(executions)

    const post = async (vmid: number | undefined): Promise<number> =>
      (
        await fetch(`${n8n.url}/webhook/${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ vmid }),
        })
      ).status
    // A webhook that is not registered yet answers 404, and nothing runs.
    const [first, ...rest] = vmids
    await eventually(async () => expect(await post(first)).toBe(200))
    const began = performance.now()
    const waiting = rest[Symbol.iterator]()
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        for (const vmid of waiting) expect(await post(vmid)).toBe(200)
      }),
    )
    const taken = performance.now() - began

    let ended: readonly Execution[] = []
    await eventually(async () => {
      ended = await client.executions(workflow.id)
      expect(ended.filter(({ status }) => ['new', 'running', 'waiting'].includes(status))).toEqual([])
      expect(ended.length).toBeGreaterThanOrEqual(executions)
    }, 240_000)
    const all = performance.now() - began

    expect(Object.groupBy(ended, ({ status }) => status)).toEqual({ success: expect.any(Array) })
    expect(ended).toHaveLength(executions)
    const { changes } = await simulator.counts()
    const reboots = Object.entries(changes).map(([vmid, made]) => [Number(vmid), made.reboot] as const)
    expect(new Map(reboots)).toEqual(new Map(vmids.map((vmid) => [vmid, 1])))
    const shares = workers.map((worker) => new Set(worker.log().match(/finished execution \d+/g)).size)
    expect(Math.min(...shares)).toBeGreaterThan(0)
    console.log(
      `queue mode: ${executions} executions by 2 workers (${shares.join(' + ')} in the end of their logs), ` +
        `taken in ${(taken / 1000).toFixed(1)} s, done in ${(all / 1000).toFixed(1)} s, none lost, none doubled`,
    )
  })
})
