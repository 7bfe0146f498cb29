/** Starting workflows of n8n from a terminal's desk: what n8n ran first, the calls after. */
import type { Caller } from '@homelab/core'
import { type Inventory, parseInventory } from '@homelab/core/inventory'
import { createSecrets } from '@homelab/core/node'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
import { type InlineDesk, inlineDesk } from '../../bot/src/cli/inline.ts'
import { secretsOf } from '../../bot/src/lab/simulated.ts'
import { allScopes, type FakeWorkflow, type N8nApi, startN8nApi } from '../support/n8n-api.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { sourceOf } from '../support/source.ts'

let simulator: Simulator
let n8n: N8nApi
let desk: InlineDesk

const SECRET = 'correct-horse-battery'
const webhook = (more: Readonly<Record<string, unknown>> = {}, name = 'Webhook') => ({
  name,
  type: 'n8n-nodes-base.webhook',
  parameters: { path: 'report', httpMethod: 'POST', authentication: 'headerAuth', ...more },
})
const report: FakeWorkflow = {
  id: 'aB3dE6gH9jK2mN5p',
  name: 'Nightly report',
  nodes: [webhook()],
  secret: { header: 'X-Homelab-Token', value: SECRET },
}

const section = (url: string, workflows: string) => `
n8n:
  url: ${url}/
  api_key: env:N8N_KEY
  workflows:
${workflows}`
const listed = `
    report: { workflow: ${report.id}, token: env:N8N_TOKEN }
    mine: { workflow: Nightly report, role: admin, confirm: true, token: env:N8N_TOKEN }
`

beforeAll(async () => {
  simulator = await startSimulator()
})
afterAll(async () => await simulator?.stop())
beforeEach(async () => {
  n8n = await startN8nApi()
  n8n.put(report)
  desk = await deskOf(listed)
})
afterEach(async () => {
  await desk[Symbol.asyncDispose]()
  await n8n[Symbol.asyncDispose]()
})

async function deskOf(
  workflows: string,
  { key = n8n.key, url = n8n.url, env = {} as Readonly<Record<string, string>> } = {},
): Promise<InlineDesk> {
  const { n8n: settings } = parseInventory(section(url, workflows))
  if (settings === undefined) throw new Error('no n8n section')
  const change = (inventory: Inventory): Inventory => ({ ...inventory, n8n: settings })
  const source = await sourceOf(simulator, { change })
  const secrets = createSecrets({
    env: { ...secretsOf(simulator.lab), N8N_KEY: key, N8N_TOKEN: SECRET, ...env },
  })
  return await inlineDesk({ ...source, secrets })
}

const type = async (text: string, on = desk, confirmed = true): Promise<Posted> =>
  await on.desk.settled(on.submit(text, confirmed).id, { asking: true })
const wordsOf = ({ card }: Posted): string => JSON.stringify(card)
const starts = () =>
  Object.entries(n8n.calls).reduce((sum, [name, count]) => sum + (name.includes('/webhook/') ? count : 0), 0)

describe('starting one', () => {
  it('runs it once with who asked and what was said, and ends when it has ended', async () => {
    const posted = await type('workflow run report "of last week"')
    expect(posted.error).toBeUndefined()
    expect(n8n.executions).toMatchObject([
      {
        workflowId: report.id,
        status: 'success',
        trigger: { body: { by: desk.caller.name, text: 'of last week', homelab: expect.any(String) } },
      },
    ])
    expect(posted.output).toMatchObject({
      name: 'report',
      workflow: 'Nightly report',
      execution: '1',
      outcome: 'succeeded',
    })
    expect(starts()).toBe(1)
  })

  it('does not say done before it is: it waits for the end', async () => {
    n8n.put({ ...report, ends: 'by hand' })
    const begun = n8n.next()
    const { id } = desk.submit('workflow run report', true)
    n8n.end(await begun, 'success')
    expect((await desk.desk.settled(id)).output).toMatchObject({ execution: '1', outcome: 'succeeded' })
  })

  it('says that it goes on when nobody wants to wait, or it waits itself', async () => {
    n8n.put({ ...report, ends: 'by hand' })
    const running = await type('workflow run report wait:false')
    expect(running.output).toMatchObject({ execution: '1', outcome: 'running' })
    n8n.put({ ...report, ends: { status: 'waiting' } })
    const waiting = await type('workflow run report wait:false')
    expect(waiting.output).toMatchObject({ execution: '2', outcome: 'waiting' })
    expect(wordsOf(waiting)).toContain('waits at one of its nodes')
  })

  it('fails when the workflow does, with the node and its message, and no key of an address', async () => {
    n8n.put({
      ...report,
      ends: {
        status: 'error',
        node: 'HTTP Request',
        message: 'The service at https://api.example.com/v1?key=hunter2 refused\n    at line 3',
      },
    })
    const posted = await type('workflow run report')
    expect(posted.error).toBe('failed')
    expect(wordsOf(posted)).toMatch(
      /failed at \\"HTTP Request\\": The service at https:\/\/api\.example\.com\/v1 refused/,
    )
    expect(wordsOf(posted)).not.toMatch(/hunter2|line 3/)
  })

  it.each(['canceled', 'crashed'] as const)('fails when it was %s', async (status) => {
    n8n.put({ ...report, ends: { status } })
    expect((await type('workflow run report')).error).toBe('failed')
  })

  it('goes by the published version, not by the one in the editor', async () => {
    n8n.put({ ...report, nodes: [webhook({ path: 'draft' })], published: [webhook({ path: 'live/now' })] })
    expect((await type('workflow run report')).error).toBeUndefined()
    expect(n8n.calls['POST /webhook/live/now']).toBe(1)
  })

  it('takes GET and a webhook without a secret, and says what that means', async () => {
    n8n.put({ ...report, nodes: [webhook({ httpMethod: 'GET', authentication: 'none' })] })
    expect(wordsOf(await type('workflow run report --dry-run'))).toContain('asks for no secret')
    expect((await type('workflow run report "a & b"')).error).toBeUndefined()
    expect(n8n.executions).toMatchObject([{ trigger: { query: { text: 'a & b' } } }])
  })
})

describe('an answer that was lost', () => {
  it.each([{ cutAfter: 1 }, { answerStart: [502] }])(
    'is looked for, and nothing sent again: %o',
    async (fault) => {
      Object.assign(n8n.faults, fault)
      const posted = await type('workflow run report')
      expect(posted.error).toBeUndefined()
      expect(posted.output).toMatchObject({ execution: '1', outcome: 'succeeded' })
      expect(n8n.executions).toHaveLength(1)
      expect(starts()).toBe(1)
    },
  )

  it('stays unclear when n8n shows no trace of it: not taken for the run of somebody else, and not sent again', async () => {
    const quiet = { ...report, id: 'quiet', nodes: [webhook({ path: 'quiet' })], kept: false }
    n8n.put(quiet)
    await using other = await deskOf('    quiet: { workflow: quiet, token: env:N8N_TOKEN }')
    expect((await type('workflow run report')).error).toBeUndefined()
    n8n.faults.cutBefore = 1
    const lost = type('workflow run report')
    await vi.waitUntil(() => n8n.faults.cutBefore === 0)
    n8n.faults.cutAfter = 1
    const posted = await Promise.all([lost, type('workflow run quiet', other)])
    expect(posted.map(({ error }) => error)).toEqual(['unclear', 'unclear'])
    expect(n8n.executions.map(({ workflowId }) => workflowId)).toEqual([report.id, 'quiet'])
    expect(starts()).toBe(3)
  }, 30_000)

  it('while n8n restarts is waited out', async () => {
    n8n.put({ ...report, ends: 'by hand' })
    const begun = n8n.next()
    const { id } = desk.submit('workflow run report', true)
    const execution = await begun
    n8n.faults.unavailable = 2
    n8n.end(execution, 'success')
    expect((await desk.desk.settled(id)).output).toMatchObject({ outcome: 'succeeded' })
  })
})

describe('what n8n shows nothing of', () => {
  it('is said to have been taken, and no more', async () => {
    n8n.put({ ...report, kept: false })
    const posted = await type('workflow run report')
    expect(posted.error).toBeUndefined()
    expect(posted.output).toMatchObject({ outcome: 'accepted' })
    expect(posted.card.tone).toBe('warning')
  }, 30_000)

  it('because the key may not look is the same', async () => {
    await using narrow = await startN8nApi({ scopes: ['workflow:list', 'workflow:read'] })
    narrow.put(report)
    await using other = await deskOf(listed, { key: narrow.key, url: narrow.url })
    expect((await type('workflow run report', other)).output).toMatchObject({ outcome: 'accepted' })
    expect(narrow.executions).toHaveLength(1)
  }, 30_000)
})

describe('who may', () => {
  const as = async (role: Caller['role'], text: string): Promise<Posted> => {
    const { id } = desk.desk.submit({
      text,
      caller: { ...desk.caller, role },
      place: { surface: 'cli', channel: 'test' },
      key: `test:${text}:${role}`,
    })
    return await desk.desk.settled(id, { asking: true })
  }

  it('is only what the file lists', async () => {
    n8n.put({ ...report, id: 'zZ9', name: 'Delete everything', nodes: [webhook({ path: 'rm' })] })
    for (const name of ['"Delete everything"', 'zZ9', report.id]) {
      const posted = await type(`workflow run ${name}`)
      expect(posted.error).toBe('not-found')
      expect(wordsOf(posted)).toContain('may be started from here')
    }
    expect(wordsOf(await type('workflow run reprot'))).toContain('Did you mean report?')
    expect(starts()).toBe(0)
  })

  it('is who has the role that stands at it', async () => {
    expect((await as('viewer', 'workflow run report')).error).toBe('denied')
    const posted = await as('operator', 'workflow run mine')
    expect(posted.error).toBe('denied')
    expect(wordsOf(posted)).toMatch(/may be started by admins only/)
    expect(starts()).toBe(0)
  })

  it('is asked first where the file says so, and what changed meanwhile is not started', async () => {
    const asked = await type('workflow run mine', desk, false)
    expect(asked.state).toBe('asking')
    n8n.put({ ...report, published: [webhook(), webhook({ path: 'other', httpMethod: 'PUT' }, 'Other')] })
    const yes = asked.card.buttons?.[0]
    if (yes?.action.kind !== 'confirm') throw new Error('no button to confirm')
    await desk.press(asked.id, yes.action)
    expect((await desk.desk.settled(asked.id, { asking: true })).error).toBe('conflict')
    expect(starts()).toBe(0)
  })
})

describe('what is wrong is said before anything is sent', () => {
  it.each<[string, FakeWorkflow, string]>([
    ['not published', { ...report, published: null }, 'is not published'],
    ['archived', { ...report, isArchived: true }, 'is archived'],
    [
      'without a webhook',
      { ...report, nodes: [{ name: 'x', type: 'n8n-nodes-base.cron', parameters: {} }] },
      'has no Webhook node',
    ],
    ['with a disabled one', { ...report, nodes: [{ ...webhook(), disabled: true }] }, 'has no Webhook node'],
    [
      'with two',
      { ...report, nodes: [webhook({}, 'A'), webhook({ path: 'b' }, 'B')] },
      '2 Webhook nodes: A and B',
    ],
    [
      'with a password',
      { ...report, nodes: [webhook({ authentication: 'basicAuth' })] },
      'something else than a header',
    ],
  ])('%s', async (_what, workflow, words) => {
    n8n.put(workflow)
    const posted = await type('workflow run report')
    expect(posted.error).toBe('conflict')
    expect(wordsOf(posted)).toContain(words)
    expect(starts()).toBe(0)
    const { workflows } = (await type('workflow list')).output as { workflows: { problem?: string }[] }
    expect(workflows[0]?.problem).toContain(words)
  })

  it('a workflow that is gone, and two of one name', async () => {
    n8n.remove(report.id)
    expect((await type('workflow run report')).error).toBe('not-found')
    n8n.put(report)
    n8n.put({ ...report, id: 'another' })
    const posted = await type('workflow run mine')
    expect(posted.error).toBe('ambiguous')
    expect(wordsOf(posted)).toContain(report.id)
    expect(starts()).toBe(0)
  })

  it('a secret that n8n does not take, which is in no card', async () => {
    await using wrong = await deskOf(listed, { env: { N8N_TOKEN: 'not-this-one' } })
    const posted = await type('workflow run report', wrong)
    expect(posted.error).toBe('unauthorised')
    expect(wordsOf(posted)).toContain('X-Homelab-Token')
    expect(wordsOf(posted)).not.toContain('not-this-one')
    expect(n8n.executions).toEqual([])
    await using without = await deskOf(`    report: { workflow: ${report.id} }`)
    expect((await type('workflow run report', without)).error).toBe('config')
  })

  it('an API key that n8n does not take, a scope that it lacks, an address that is none', async () => {
    await using wrong = await deskOf(listed, { key: 'n8n_api_wrong' })
    const refused = await type('workflow list', wrong)
    expect(refused.error).toBe('unauthorised')
    expect(wordsOf(refused)).not.toContain('n8n_api_wrong')
    await using narrow = await startN8nApi({ scopes: allScopes.filter((scope) => scope !== 'workflow:list') })
    await using poor = await deskOf(listed, { key: narrow.key, url: narrow.url })
    expect(wordsOf(await type('workflow list', poor))).toContain('lacks the scope workflow:list')
    await using page = await deskOf(listed, { url: `${n8n.url}/home` })
    expect((await type('workflow list', page)).error).toBe('config')
  })
})

it('lists what may be started, in one call', async () => {
  const posted = await type('workflow list')
  expect(posted.output).toEqual({
    workflows: [
      {
        name: 'report',
        title: 'Nightly report',
        id: report.id,
        active: true,
        role: 'operator',
        allowed: true,
      },
      { name: 'mine', title: 'Nightly report', id: report.id, active: true, role: 'admin', allowed: true },
    ],
  })
  expect(n8n.calls).toEqual({ 'GET /api/v1/workflows': 1 })
})

it('is not offered where the file has no n8n', async () => {
  await using plain = await inlineDesk(await sourceOf(simulator))
  expect((await type('workflow list', plain)).error).toBe('usage')
})
