/**
 * A small n8n: its public API and its webhooks, with workflows and executions that change. As n8n 2.41 answers, read from
 * its own description of the API and its controllers; there is no call that runs a workflow.
 */
import { randomUUID, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface FakeNode {
  readonly name: string
  readonly type: string
  readonly disabled?: boolean
  readonly webhookId?: string
  readonly parameters: Readonly<Record<string, unknown>>
}

export interface FakeWorkflow {
  readonly id: string
  readonly name: string
  readonly nodes: readonly FakeNode[]
  /** Those that n8n listens on; null: never published. Default: `nodes`. */
  readonly published?: readonly FakeNode[] | null
  readonly isArchived?: boolean
  /** Header Auth of its webhook. */
  readonly secret?: { readonly header: string; readonly value: string }
  /** What its executions come to, and when: at once, or when the test says so. Default: success, at once. */
  readonly ends?:
    | { readonly status: FakeStatus; readonly node?: string; readonly message?: string }
    | 'by hand'
  /** False: n8n keeps nothing of its executions. */
  readonly kept?: boolean
}

type FakeStatus = 'new' | 'running' | 'waiting' | 'success' | 'error' | 'canceled' | 'crashed'

interface FakeExecution {
  readonly id: string
  readonly workflowId: string
  status: FakeStatus
  readonly startedAt: string
  stoppedAt: string | null
  readonly trigger: unknown
  error?: { readonly node: string; readonly message: string }
}

export interface N8nFaults {
  /** The next N starts begin their workflow, and then the connection is cut. */
  cutAfter: number
  /** The next N starts are cut before anything begins. */
  cutBefore: number
  /** The next N starts begin their workflow, and then answer this status. */
  answerStart: readonly number[]
  /** The next N calls of the API answer 503. */
  unavailable: number
}

export interface N8nApi extends AsyncDisposable {
  readonly url: string
  readonly key: string
  readonly faults: N8nFaults
  /** In the order in which they began. */
  readonly executions: readonly Readonly<FakeExecution>[]
  /** `GET /api/v1/workflows` → calls that arrived. */
  readonly calls: Readonly<Record<string, number>>
  put(workflow: FakeWorkflow): void
  remove(id: string): void
  /** Resolves with the id of the next execution that begins. */
  next(): Promise<string>
  end(id: string, status: FakeStatus): void
}

export const allScopes = ['workflow:list', 'workflow:read', 'execution:list', 'execution:read'] as const

const sha = (text: string): Buffer => Buffer.from(text.padEnd(200).slice(0, 200))
const same = (a: unknown, b: string): boolean => typeof a === 'string' && timingSafeEqual(sha(a), sha(b))

class Refused extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export async function startN8nApi({ scopes = allScopes as readonly string[] } = {}): Promise<N8nApi> {
  const key = `n8n_api_${randomUUID()}`
  const workflows = new Map<string, FakeWorkflow>()
  const executions: FakeExecution[] = []
  const calls: Record<string, number> = {}
  const faults: N8nFaults = { cutAfter: 0, cutBefore: 0, answerStart: [], unavailable: 0 }
  const waiters: ((id: string) => void)[] = []

  function begin(workflow: FakeWorkflow, trigger: unknown): FakeExecution {
    const execution: FakeExecution = {
      id: String(executions.length + 1),
      workflowId: workflow.id,
      status: 'running',
      startedAt: new Date().toISOString(),
      stoppedAt: null,
      trigger,
    }
    executions.push(execution)
    const { ends = { status: 'success' } } = workflow
    if (ends !== 'by hand') {
      execution.status = ends.status
      if (ends.status !== 'waiting') execution.stoppedAt = new Date().toISOString()
      if (ends.message !== undefined) execution.error = { node: ends.node ?? '', message: ends.message }
    }
    for (const resolve of waiters.splice(0)) resolve(execution.id)
    return execution
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      const status = error instanceof Refused ? error.status : 500
      send(response, status, {
        code: status,
        message: error instanceof Error ? error.message : String(error),
      })
    })
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://fake')
    const name = `${request.method} ${url.pathname}`
    calls[name] = (calls[name] ?? 0) + 1
    if (url.pathname.startsWith('/api/v1/')) return api(request, url, response)
    if (url.pathname.startsWith('/webhook/')) return await webhook(request, url, response)
    // As the editor's page: anything else is one.
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>n8n</title>')
  }

  function api(request: IncomingMessage, url: URL, response: ServerResponse): void {
    if (faults.unavailable > 0) {
      faults.unavailable -= 1
      throw new Refused(503, 'n8n is starting up. Please wait')
    }
    const given = request.headers['x-n8n-api-key']
    if (given === undefined) throw new Refused(401, "'X-N8N-API-KEY' header required")
    if (!same(given, key)) throw new Refused(401, 'unauthorized')
    const [, noun, id, rest] = /^\/api\/v1\/(\w+)(?:\/([^/]+))?(\/.*)?$/.exec(url.pathname) ?? []
    if (rest !== undefined || (noun !== 'workflows' && noun !== 'executions'))
      throw new Refused(404, 'not found')
    if (request.method !== 'GET') throw new Refused(405, `${request.method} method not allowed`)
    const scope = `${noun.slice(0, -1)}:${id === undefined ? 'list' : 'read'}`
    if (!scopes.includes(scope)) throw new Refused(403, 'Forbidden')
    const data = url.searchParams.get('includeData') === 'true'
    if (id === undefined)
      send(response, 200, noun === 'workflows' ? listWorkflows(url) : listExecutions(url, data))
    else if (noun === 'workflows') send(response, 200, workflowBody(workflows.get(decodeURIComponent(id))))
    else
      send(
        response,
        200,
        executionBody(
          visible().find((each) => each.id === id),
          data,
        ),
      )
  }

  const visible = () => executions.filter(({ workflowId }) => workflows.get(workflowId)?.kept !== false)

  function listWorkflows(url: URL): object {
    const name = url.searchParams.get('name')
    const all = [...workflows.values()].filter((each) => name === null || each.name === name)
    return page(url, all.map(workflowBody))
  }

  function listExecutions(url: URL, data: boolean): object {
    const { searchParams } = url
    const status = searchParams.get('status')
    const all = visible()
      .filter(({ workflowId }) => workflowId === searchParams.get('workflowId'))
      // What runs is left out unless it is asked for.
      .filter((each) => (status === null ? each.status !== 'running' : each.status === status))
    return page(
      url,
      all.toReversed().map((each) => executionBody(each, data)),
    )
  }

  async function webhook(request: IncomingMessage, url: URL, response: ServerResponse): Promise<void> {
    if (faults.cutBefore > 0) {
      faults.cutBefore -= 1
      request.socket.destroy()
      return
    }
    const path = url.pathname.slice('/webhook/'.length).split('/').map(decodeURIComponent).join('/')
    const found = [...workflows.values()]
      .filter(({ published, isArchived }) => published !== null && isArchived !== true)
      .flatMap((workflow) => (workflow.published ?? workflow.nodes).map((node) => ({ workflow, node })))
      .find(({ node }) => listens(node, path, request.method ?? ''))
    if (found === undefined)
      throw new Refused(404, `The requested webhook "${request.method} ${path}" is not registered.`)
    const { workflow, node } = found
    if (node.parameters.authentication === 'headerAuth' && !knows(request, workflow)) {
      response.writeHead(403, { 'WWW-Authenticate': 'Basic realm="Webhook"' })
      response.end('Authorization data is wrong!')
      return
    }
    const body = await bodyOf(request)
    begin(workflow, { body, query: Object.fromEntries(url.searchParams) })
    const status = faults.answerStart[0]
    faults.answerStart = faults.answerStart.slice(1)
    if (faults.cutAfter > 0) {
      faults.cutAfter -= 1
      request.socket.destroy()
    } else send(response, status ?? 200, { message: status === undefined ? 'Workflow was started' : 'odd' })
  }

  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    key,
    faults,
    executions,
    calls,
    put: (workflow) => void workflows.set(workflow.id, workflow),
    remove: (id) => void workflows.delete(id),
    next: () => new Promise((resolve) => waiters.push(resolve)),
    end(id, status) {
      const execution = executions.find((each) => each.id === id)
      if (execution === undefined) throw new Error(`no execution ${id}`)
      execution.status = status
      execution.stoppedAt = new Date().toISOString()
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function listens({ type, disabled, webhookId, parameters }: FakeNode, path: string, method: string): boolean {
  if (type !== 'n8n-nodes-base.webhook' || disabled === true) return false
  const own = typeof parameters.path === 'string' && parameters.path !== '' ? parameters.path : webhookId
  return own === path && [parameters.httpMethod ?? 'GET'].flat().includes(method)
}

const knows = ({ headers }: IncomingMessage, { secret }: FakeWorkflow): boolean =>
  secret !== undefined && same(headers[secret.header.toLowerCase()], secret.value)

/** The offset is the cursor, as base64 JSON. */
function page(url: URL, rows: readonly object[]): object {
  const limit = Number(url.searchParams.get('limit') ?? 100)
  const cursor = url.searchParams.get('cursor')
  const offset = cursor === null ? 0 : Number(JSON.parse(Buffer.from(cursor, 'base64').toString()).offset)
  const next = offset + limit
  return {
    data: rows.slice(offset, next),
    nextCursor: next < rows.length ? Buffer.from(JSON.stringify({ offset: next })).toString('base64') : null,
  }
}

function workflowBody(workflow: FakeWorkflow | undefined): object {
  if (workflow === undefined) throw new Refused(404, 'Not Found')
  const { id, name, nodes, published = nodes, isArchived = false } = workflow
  return {
    id,
    name,
    active: published !== null,
    isArchived,
    versionId: `${id}-draft`,
    nodes,
    connections: {},
    settings: {},
    activeVersion: published === null ? null : { versionId: `${id}-${published.length}`, nodes: published },
  }
}

function executionBody(execution: FakeExecution | undefined, data: boolean): object {
  if (execution === undefined) throw new Refused(404, 'Not Found')
  const { error, trigger, ...row } = execution
  return {
    ...row,
    finished: row.status === 'success',
    mode: 'webhook',
    ...(data && {
      data: {
        resultData: {
          runData: { Webhook: [{ data: { main: [[{ json: trigger }]] } }] },
          ...(error && { lastNodeExecuted: error.node, error: { message: error.message } }),
        },
      },
    }),
  }
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString()
  return text === '' ? {} : (JSON.parse(text) as unknown)
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
