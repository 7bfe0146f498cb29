/** `workflow run` against n8n itself: what the fake of the fast suite could agree about with a wrong client. */
import { randomBytes } from 'node:crypto'
import { type Caller, type Http, type Operation, runInline, Secret, TransportError } from '@homelab/core'
import { parseInventory } from '@homelab/core/inventory'
import { createN8n } from '@homelab/core/n8n'
import { createHttp, systemClock } from '@homelab/core/node'
import { operations } from '@homelab/core/operations'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Workflow, WorkflowNode } from './support/n8n-real/client.ts'
import { type RealN8n, startRealN8n } from './support/n8n-real/server.ts'

const SECRET = randomBytes(16).toString('hex')
const HEADER = 'X-Homelab-Token'
const scopes = ['workflow:list', 'workflow:read', 'execution:list', 'execution:read'] as const
const operator: Caller = { id: 'cli:test', name: 'harmeet', role: 'operator', surface: 'cli' }

let real: RealN8n
let key: string
let narrowKey: string
const http = createHttp()

beforeAll(async () => {
  real = await startRealN8n()
  key = await makeKey(scopes)
  narrowKey = await makeKey(scopes.slice(0, 2))
  const credential = await real.client.addCredential('httpHeaderAuth', 'Desk', {
    name: HEADER,
    value: SECRET,
  })
  const noOp = { type: 'n8n-nodes-base.noOp', parameters: {} }
  const stop = { type: 'n8n-nodes-base.stopAndError', parameters: { errorMessage: 'no room\nat all' } }
  const wait = (amount: number, unit: string) => ({
    type: 'n8n-nodes-base.wait',
    typeVersion: 1.1,
    parameters: { amount, unit },
  })
  const all: readonly [string, Pick<WorkflowNode, 'type' | 'parameters'>, object?][] = [
    ['quick', noOp],
    ['answers at its end', noOp, { responseMode: 'lastNode' }],
    ['fails', stop],
    ['fails at its end', stop, { responseMode: 'lastNode' }],
    ['slow', wait(3, 'seconds')],
    ['patient', wait(1, 'hours')],
    ['draft', noOp],
  ]
  for (const [name, node, parameters] of all) {
    const saved = await real.client.importWorkflow(workflow(name, credential, node, parameters))
    if (name !== 'draft') await real.client.publish(saved)
  }
})
afterAll(async () => {
  await http.close()
  await real?.[Symbol.asyncDispose]()
})

async function makeKey(of: readonly string[]): Promise<string> {
  const made = await real.client.call<{ rawApiKey: string }>('POST', '/api-keys', {
    label: `homelab ${of.length}`,
    scopes: of,
    expiresAt: null,
  })
  return made.rawApiKey
}

function workflow(
  name: string,
  credential: string,
  next: Pick<WorkflowNode, 'type' | 'parameters'>,
  parameters: object = {},
): Workflow {
  const webhook: WorkflowNode = {
    id: '1',
    name: 'Asked',
    type: 'n8n-nodes-base.webhook',
    typeVersion: 2,
    position: [0, 0],
    webhookId: randomBytes(8).toString('hex'),
    parameters: {
      path: `desk/${name.replaceAll(' ', '-')}`,
      httpMethod: 'POST',
      authentication: 'headerAuth',
      ...parameters,
    },
    credentials: { httpHeaderAuth: { id: credential, name: 'Desk' } },
  }
  return {
    name,
    nodes: [webhook, { id: '2', name: 'Next', typeVersion: 1, position: [200, 0], ...next }],
    connections: { Asked: { main: [[{ node: 'Next', type: 'main', index: 0 }]] } },
  }
}

interface Using {
  readonly key?: string
  readonly secret?: string
  readonly over?: Http
}

async function run(operation: string, input: object, using: Using = {}): Promise<unknown> {
  const { n8n: settings } = parseInventory(`
n8n:
  url: ${real.url}
  api_key: env:KEY
  workflows:
    quick: { token: env:SECRET }
    end: { workflow: answers at its end, token: env:SECRET }
    fails: { token: env:SECRET }
    failsend: { workflow: fails at its end, token: env:SECRET }
    slow: { token: env:SECRET }
    patient: { token: env:SECRET }
    draft: { token: env:SECRET }
`)
  const found = operations.find(({ id }): boolean => id === operation) as Operation
  if (settings === undefined) throw new Error('no n8n section')
  const values: Readonly<Record<string, string>> = { KEY: using.key ?? key, SECRET: using.secret ?? SECRET }
  const n8n = createN8n({
    http: using.over ?? http,
    settings: () => settings,
    secrets: { resolve: async ({ name }) => new Secret(values[name] ?? '') },
  })
  return await runInline(found, input, { n8n, caller: operator, clock: systemClock }, { clock: systemClock })
}
const start = (name: string, using?: Using, more: object = {}) =>
  run('workflow.run', { name, wait: true, timeout: 60, ...more }, using)
const executions = async (name: string) => {
  const { workflows } = (await run('workflow.list', {})) as { workflows: { name: string; id: string }[] }
  return await real.client.executions(workflows.find((each) => each.name === name)?.id ?? '')
}

describe('a workflow of n8n', () => {
  it('is listed, with why it cannot be started', async () => {
    const { workflows } = (await run('workflow.list', {})) as { workflows: { problem?: string }[] }
    expect(workflows).toHaveLength(7)
    expect(workflows.filter(({ problem }) => problem !== undefined)).toMatchObject([
      { name: 'draft', active: false, problem: expect.stringContaining('is not published') },
    ])
    await expect(start('draft')).rejects.toMatchObject({ code: 'conflict' })
  })

  it.each(['quick', 'end', 'slow'])('is started once and followed to its end: %s', async (name) => {
    const result = (await start(name, {}, { text: 'hello' })) as { execution: string }
    expect(result).toMatchObject({ outcome: 'succeeded' })
    expect(await executions(name)).toMatchObject([
      { id: result.execution, status: 'success', mode: 'webhook' },
    ])
  })

  it('that waits at a node goes on', async () => {
    expect(await start('patient', {}, { timeout: 5 })).toMatchObject({ outcome: 'waiting' })
  })

  it.each(['fails', 'failsend'])(
    'that fails says where, and only the first line of why: %s',
    async (name) => {
      await expect(start(name)).rejects.toMatchObject({
        code: 'failed',
        message: expect.stringMatching(/failed at "Next": no room\.$/),
      })
      expect(await executions(name)).toHaveLength(1)
    },
  )

  it('whose answer was lost is found by its mark, and not started again', async () => {
    const before = (await executions('quick')).length
    const over: Http = {
      async request(request) {
        const response = await http.request(request)
        if (request.method === 'POST') throw new TransportError('the answer was lost', true)
        return response
      },
    }
    expect(await start('quick', { over })).toMatchObject({ outcome: 'succeeded' })
    expect(await executions('quick')).toHaveLength(before + 1)
  })

  it('is not begun with a wrong secret or a wrong key', async () => {
    const before = (await executions('quick')).length
    await expect(start('quick', { secret: 'wrong' })).rejects.toMatchObject({ code: 'unauthorised' })
    await expect(start('quick', { key: 'wrong' })).rejects.toMatchObject({ code: 'unauthorised' })
    expect(await executions('quick')).toHaveLength(before)
  })

  it('is followed no further than the key may look', async () => {
    expect(await start('quick', { key: narrowKey })).toMatchObject({ outcome: 'accepted' })
  })
})
