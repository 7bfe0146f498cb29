/** n8n's own REST interface, as its editor uses it: logged in with a cookie. */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Owner } from './server.ts'

export interface Workflow {
  readonly name: string
  readonly nodes: readonly WorkflowNode[]
  readonly connections: Readonly<Record<string, unknown>>
  readonly settings?: Readonly<Record<string, unknown>>
}

export interface WorkflowNode {
  readonly id: string
  readonly name: string
  readonly type: string
  readonly typeVersion: number
  readonly position: readonly [number, number]
  readonly parameters: Readonly<Record<string, unknown>>
  readonly credentials?: Readonly<Record<string, { readonly id: string | null; readonly name: string }>>
  readonly webhookId?: string
}

export interface Saved extends Workflow {
  readonly id: string
  readonly versionId: string
}

export interface Execution {
  readonly id: string
  readonly status: 'new' | 'running' | 'waiting' | 'success' | 'error' | 'canceled' | 'crashed'
  readonly mode: string
}

interface Page {
  readonly results: readonly Execution[]
  readonly nextCursor?: string | null
}

export interface Client {
  /** Stores a credential. @returns its id */
  addCredential(type: string, name: string, data: Readonly<Record<string, unknown>>): Promise<string>
  /** What its Test button says. */
  testCredential(id: string, type: string, name: string): Promise<{ status: 'OK' | 'Error'; message: string }>
  /** What "Import from file" and Save do. */
  importWorkflow(workflow: Workflow): Promise<Saved>
  /** Saves it anew; what is published stays as it was. */
  change(workflow: Saved): Promise<Saved>
  /** Its triggers run from now on. */
  publish(workflow: Saved): Promise<void>
  unpublish(id: string): Promise<void>
  /** The button Execute workflow. @returns the execution's id */
  execute(workflow: Saved, trigger: string): Promise<string>
  /** All of them, the newest first. */
  executions(workflowId: string): Promise<readonly Execution[]>
  /** When it has ended. @throws Error when that takes longer than `timeoutMs` */
  ended(executionId: string, timeoutMs?: number): Promise<Ended>
  call<T>(method: string, path: string, body?: unknown): Promise<T>
}

export interface Ended extends Execution {
  /** Node → the items of its last run's first output that has some. */
  readonly output: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>
  readonly error: string | undefined
}

/** @throws Error with n8n's words when it refuses */
export async function logIn(url: string, { email, password }: Owner): Promise<Client> {
  const browser = randomUUID()
  let cookie = ''

  async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${url}/rest${path}`, {
      method,
      headers: { 'content-type': 'application/json', 'browser-id': browser, cookie },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
    const set = response.headers.getSetCookie().map((each) => each.split(';')[0] ?? '')
    if (set.length > 0) cookie = set.join('; ')
    return (JSON.parse(text) as { data: T }).data
  }

  await call('POST', '/login', { emailOrLdapLoginId: email, password })

  return {
    call,
    addCredential: async (type, name, data) =>
      (await call<{ id: string }>('POST', '/credentials', { type, name, data })).id,
    testCredential: async (id, type, name) => {
      const { data } = await call<{ data: object }>('GET', `/credentials/${id}?includeData=true`)
      return await call('POST', '/credentials/test', { credentials: { id, type, name, data } })
    },
    importWorkflow: (workflow) =>
      call<Saved>('POST', '/workflows', { settings: {}, ...workflow, active: false }),
    change: ({ id, ...workflow }) => call<Saved>('PATCH', `/workflows/${id}`, workflow),
    publish: async ({ id, versionId }) =>
      void (await call('POST', `/workflows/${id}/activate`, { versionId })),
    unpublish: async (id) => void (await call('POST', `/workflows/${id}/deactivate`, {})),
    execute: async (workflow, trigger) => {
      const { executionId } = await call<{ executionId: string }>('POST', `/workflows/${workflow.id}/run`, {
        workflowData: workflow,
        triggerToStartFrom: { name: trigger },
      })
      return executionId
    },
    async executions(workflowId) {
      const filter = encodeURIComponent(JSON.stringify({ workflowId }))
      const all = new Map<string, Execution>()
      for (let cursor: string | null = ''; cursor !== null; ) {
        const from: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
        const found: Page = await call('GET', `/executions?filter=${filter}&limit=100${from}`)
        // What ended meanwhile is on two pages.
        for (const execution of found.results) all.set(execution.id, execution)
        cursor = found.nextCursor ?? null
      }
      return [...all.values()]
    },
    async ended(executionId, timeoutMs = 60_000) {
      for (const until = Date.now() + timeoutMs; Date.now() < until; await delay(300)) {
        const execution = await call<Execution & { data: string }>('GET', `/executions/${executionId}`)
        if (['new', 'running', 'waiting'].includes(execution.status)) continue
        return { ...execution, ...read(execution.data) }
      }
      throw new Error(`execution ${executionId} has not ended in ${timeoutMs} ms`)
    },
  }
}

/** n8n packs run data flat: an array in which strings that are numbers point to other places of it. */
function unpack(text: string): unknown {
  const flat: unknown[] = JSON.parse(text)
  const made = new Map<number, unknown>()
  const at = (index: number): unknown => {
    if (made.has(index)) return made.get(index)
    const value = flat[index]
    if (typeof value !== 'object' || value === null) return value
    const whole: Record<string, unknown> | unknown[] = Array.isArray(value) ? [] : {}
    made.set(index, whole)
    for (const [key, each] of Object.entries(value))
      (whole as Record<string, unknown>)[key] = typeof each === 'string' ? at(Number(each)) : each
    return whole
  }
  return at(0)
}

interface RunData {
  readonly resultData: {
    readonly runData?: Readonly<
      Record<
        string,
        readonly { data?: { main?: readonly (readonly { json: Record<string, unknown> }[] | null)[] } }[]
      >
    >
    readonly error?: {
      readonly message: string
      readonly description?: string
      readonly node?: { name: string }
    }
  }
}

function read(data: string): Pick<Ended, 'output' | 'error'> {
  const { resultData } = unpack(data) as RunData
  const { error, runData = {} } = resultData
  return {
    error: error && [error.node?.name, error.message, error.description].filter(Boolean).join(': '),
    output: Object.fromEntries(
      Object.entries(runData).map(([name, runs]) => {
        const branches = runs.at(-1)?.data?.main ?? []
        return [name, (branches.find((items) => (items ?? []).length > 0) ?? []).map(({ json }) => json)]
      }),
    ),
  }
}
