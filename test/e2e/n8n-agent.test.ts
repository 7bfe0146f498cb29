/** n8n's AI Agent with our nodes as its tools, and a model that says what it was told to say. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { requirePostgres } from '../support/postgres.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import type { WorkflowNode } from './support/n8n-real/client.ts'
import { eventually } from './support/n8n-real/eventually.ts'
import { proxmoxCredential } from './support/n8n-real/lab.ts'
import { type Answer, type Model, startModel } from './support/n8n-real/model.ts'
import { type RealN8n, startRealN8n } from './support/n8n-real/server.ts'
import { openWorkflows } from './support/n8n-real/workflows.ts'

const ready = requirePostgres()
const plex = 110
const jellyfin = 111
/** What the editor makes now, and what the ready workflow has. */
const agents = [3.1, 2]

let simulator: Simulator
let n8n: RealN8n
let model: Model | undefined

beforeAll(async () => {
  if (!ready) return
  simulator = await startSimulator()
  n8n = await startRealN8n()
})
afterAll(async () => {
  await n8n?.[Symbol.asyncDispose]()
  await simulator?.stop()
})
beforeEach(async () => {
  await simulator?.reset()
  await simulator?.fault({ stale: false })
})
afterEach(async () => {
  await model?.[Symbol.asyncDispose]()
  model = undefined
})

async function modelThat(...answers: Answer[]): Promise<Model> {
  model = await startModel(answers)
  return model
}
/** What the tools told it. */
const toolsSaid = ({ asked }: Model): string =>
  JSON.stringify(asked.at(-1)?.messages.filter(({ role }) => role === 'tool'))

it.skipIf(!ready)(
  'ask-the-homelab: answers from what the tools find, and has none that changes',
  async () => {
    const says = await modelThat(
      { tool: /Guests/, input: {} },
      { tool: /One_guest/, input: { guest: 'plex' } },
      { text: 'plex runs on pve.' },
    )
    const asking = await openWorkflows(n8n.client, {
      proxmoxVeApi: { ...proxmoxCredential(simulator), readOnly: true },
      openAiApi: { apiKey: 'none', url: says.url },
    })
    const workflow = await asking.ready('ask-the-homelab', { set: { Question: { public: true } } })
    const chat = workflow.nodes.find(({ name }) => name === 'Question')?.webhookId
    const answer = await eventually(async () => {
      const response = await fetch(`${n8n.url}/webhook/${chat}/chat`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ action: 'sendMessage', sessionId: 'one', chatInput: 'Does plex run?' }),
      })
      expect(response.status).toBe(200)
      return await response.text()
    })
    expect(answer).toContain('plex runs on pve.')
    expect(toolsSaid(says)).toContain('traefik')
    expect(toolsSaid(says)).toContain('"health')
    const tools = says.asked[0]?.tools?.map((tool) => tool.function.name).toSorted()
    expect(tools).toEqual(['Guests', 'Nodes', 'One_guest', 'Storages', 'Tasks'])
    expect((await simulator.counts()).changes).toEqual({})
  },
)

const langchain = '@n8n/n8n-nodes-langchain'

/** An agent with one tool, which restarts the guest that the model names. */
async function agentRuns(version: number, { url }: Model, own: Readonly<Record<string, unknown>>) {
  const { client } = n8n
  const stored = async (type: string, data: Readonly<Record<string, unknown>>) => ({
    [type]: { id: await client.addCredential(type, type, data), name: type },
  })
  const lab = await stored('proxmoxVeApi', { ...proxmoxCredential(simulator), ...own })
  const openAi = await stored('openAiApi', { apiKey: 'none', url })
  const guest = { __rl: true, mode: 'name', value: "={{ $fromAI('guest', 'Name of the guest') }}" }
  const nodes: readonly Omit<WorkflowNode, 'id' | 'position'>[] = [
    { name: 'Start', type: 'n8n-nodes-base.manualTrigger', typeVersion: 1, parameters: {} },
    {
      name: 'Agent',
      type: `${langchain}.agent`,
      typeVersion: version,
      parameters: { promptType: 'define', text: 'Restart jellyfin and plex' },
    },
    {
      name: 'Model',
      type: `${langchain}.lmChatOpenAi`,
      typeVersion: 1.2,
      parameters: { model: { __rl: true, mode: 'id', value: 'simulated' }, options: {} },
      credentials: openAi,
    },
    {
      name: 'Restart',
      type: 'n8n-nodes-homelab.proxmoxVeTool',
      typeVersion: 1,
      parameters: { resource: 'guest', operation: 'restart', guest },
      credentials: lab,
    },
  ]
  const link = (type: string) => ({ [type]: [[{ node: 'Agent', type, index: 0 }]] })
  const workflow = await client.importWorkflow({
    name: `Agent ${version}`,
    nodes: nodes.map((node) => ({ ...node, id: node.name, position: [0, 0] })),
    // As the editor makes them; in the older order an agent of version 3 goes on before its tools have run.
    settings: { executionOrder: 'v1' },
    connections: { Start: link('main'), Model: link('ai_languageModel'), Restart: link('ai_tool') },
  })
  return await client.ended(await client.execute(workflow, 'Start'), 120_000)
}

const both: readonly Answer[] = [
  { tool: /Restart/, input: { guest: 'jellyfin' } },
  { tool: /Restart/, input: { guest: 'plex' } },
  { text: 'jellyfin is restarted, plex is protected.' },
]

it.skipIf(!ready).each(agents)(
  'changes what it may, and is told what is protected: agent %s',
  async (version) => {
    const says = await modelThat(...both)
    const { status, error, output } = await agentRuns(version, says, {
      aiMayChange: true,
      protectedVmids: String(plex),
    })
    expect({ status, error }).toEqual({ status: 'success', error: undefined })
    expect((await simulator.counts()).changes).toEqual({ [jellyfin]: { reboot: 1 } })
    expect(toolsSaid(says)).toContain('vzreboot:111')
    expect(toolsSaid(says)).toMatch(/guest 110, which is protected/)
    expect(JSON.stringify(output.Agent)).toContain('plex is protected')
  },
)

it.skipIf(!ready).each(agents)(
  'changes nothing when the credential does not say so: agent %s',
  async (version) => {
    const says = await modelThat(both[0] as Answer, { text: 'I may not.' })
    const { status } = await agentRuns(version, says, {})
    expect(status).toBe('success')
    expect((await simulator.counts()).changes).toEqual({})
    expect(toolsSaid(says)).toContain('AI agents may only read')
  },
)
