/** The client of n8n's public API and webhooks. Facts: the API's own description in n8n 2.41, which has no call to run a workflow. */

import type { SecretSource } from '../backup/plan.ts'
import { HomelabError, TransportError } from '../errors.ts'
import type { N8nSettings, WorkflowEntry } from '../inventory/n8n-schema.ts'
import { didYouMean } from '../nearest.ts'
import type { Http, HttpResponse } from '../ports.ts'
import { answerData, apiError, startError } from './errors.ts'
import { ExecutionBody, ExecutionPage, ResultData, read, WorkflowBody, WorkflowPage } from './schemas.ts'
import type { Execution, N8n, Workflow } from './types.ts'
import { requestOf, toWorkflow } from './webhook.ts'

export interface N8nOptions {
  readonly http: Http
  /** Read at every use. @throws HomelabError `config` when homelab.yaml has none */
  readonly settings: () => N8nSettings
  readonly secrets: SecretSource
}

/** Workflows come with all their nodes. */
const PAGE = 100
const MAX_PAGES = 20
/** Executions come with all their data here: a mark is in one of the newest. */
const MARK_PAGE = 5
const MARK_PAGES = 4
/** Milliseconds for which a webhook may take before its answer counts as lost. */
const START_MS = 60_000

export function createN8n({ http, settings, secrets }: N8nOptions): N8n {
  async function get(path: string, scope: string, signal?: AbortSignal): Promise<unknown> {
    const { url, api_key: key } = settings()
    const response = await http.request({
      method: 'GET',
      url: `${url}/api/v1${path}`,
      headers: { accept: 'application/json', 'X-N8N-API-KEY': (await secrets.resolve(key)).reveal() },
      ...(signal === undefined ? {} : { signal }),
    })
    if (response.status < 200 || response.status > 299) throw apiError(response, path, scope)
    return answerData(response, path)
  }

  async function workflows(signal?: AbortSignal, name?: string): Promise<Workflow[]> {
    const all: Workflow[] = []
    let cursor = ''
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const filter = name === undefined ? '' : `&name=${encodeURIComponent(name)}`
      const path = `/workflows?limit=${PAGE}${filter}${cursor}`
      const { data, nextCursor } = read(WorkflowPage, await get(path, 'workflow:list', signal), '/workflows')
      all.push(...data.map(toWorkflow))
      if (typeof nextCursor !== 'string' || nextCursor === '') return all
      cursor = `&cursor=${encodeURIComponent(nextCursor)}`
    }
    return all
  }

  async function byId(id: string, signal?: AbortSignal): Promise<Workflow | undefined> {
    // What cannot be an id is not sent as one: n8n's are letters and digits, or a number.
    if (!/^[A-Za-z0-9_-]{1,36}$/.test(id)) return undefined
    const path = `/workflows/${encodeURIComponent(id)}`
    try {
      return toWorkflow(read(WorkflowBody, await get(path, 'workflow:read', signal), path))
    } catch (error) {
      if (error instanceof HomelabError && error.code === 'not-found') return undefined
      throw error
    }
  }

  async function byName(entry: WorkflowEntry, signal?: AbortSignal): Promise<Workflow> {
    const found = (await workflows(signal, entry.workflow)).filter(({ name }) => name === entry.workflow)
    const open = found.filter(({ archived }) => !archived)
    const [workflow] = open.length > 0 ? open : found
    if (workflow === undefined) {
      const names = (await workflows(signal)).map(({ name }) => name)
      throw new HomelabError(
        'not-found',
        `n8n has no workflow "${entry.workflow}", or the API key may not see it.${didYouMean(entry.workflow, names)}`,
        { hint: `Correct \`workflow\` of n8n.workflows.${entry.name} in homelab.yaml: best is its id.` },
      )
    }
    if (open.length > 1)
      throw new HomelabError('ambiguous', `n8n has ${open.length} workflows called "${entry.workflow}".`, {
        hint: `Give the id of one in homelab.yaml: ${open.map(({ id }) => id).join(', ')}.`,
      })
    return workflow
  }

  async function marked(workflow: string, mark: string, signal?: AbortSignal): Promise<string | undefined> {
    // Without a status the list leaves out what runs.
    for (const status of ['&status=running', '']) {
      let cursor = ''
      for (let page = 0; page < MARK_PAGES; page += 1) {
        const path = `/executions?workflowId=${encodeURIComponent(workflow)}&includeData=true&limit=${MARK_PAGE}${status}${cursor}`
        const { data, nextCursor } = read(
          ExecutionPage,
          await get(path, 'execution:list', signal),
          '/executions',
        )
        const found = data.find((each) => JSON.stringify(each.data ?? '').includes(mark))
        if (found !== undefined) return found.id
        if (typeof nextCursor !== 'string' || nextCursor === '') break
        cursor = `&cursor=${encodeURIComponent(nextCursor)}`
      }
    }
    return undefined
  }

  return {
    get entries() {
      return settings().workflows
    },
    workflows: (signal) => workflows(signal),
    async workflow(entry, signal) {
      return (await byId(entry.workflow, signal)) ?? (await byName(entry, signal))
    },
    async start(webhook, entry, call) {
      const secret = entry.token === undefined ? undefined : (await secrets.resolve(entry.token)).reveal()
      const request = requestOf(settings().webhooks, webhook, entry, call, secret)
      let response: HttpResponse
      try {
        response = await http.request({ ...request, timeoutMs: START_MS })
      } catch (error) {
        // What the address of a webhook is, is a secret of its own: the port's message names the host alone.
        if (error instanceof TransportError && error.sent)
          throw new HomelabError('unclear', 'The answer of n8n was lost: the workflow may have begun.', {
            cause: error,
          })
        throw error
      }
      const refused = startError(response, webhook, entry)
      if (refused !== undefined) throw refused
    },
    marked,
    async execution(id, signal) {
      const path = `/executions/${encodeURIComponent(id)}`
      const body = read(ExecutionBody, await get(path, 'execution:read', signal), path)
      if (body.status !== 'error' && body.status !== 'crashed') return toExecution(body)
      const whole = await get(`${path}?includeData=true`, 'execution:read', signal)
      return toExecution(read(ExecutionBody, whole, path))
    },
  }
}

function toExecution({ id, status, startedAt, stoppedAt, data }: ExecutionBody): Execution {
  const { data: parsed } = ResultData.safeParse(data)
  const message = parsed?.resultData.error?.message
  const node = parsed?.resultData.lastNodeExecuted
  return {
    id,
    status,
    ...(typeof startedAt === 'string' ? { startedAt } : {}),
    ...(typeof stoppedAt === 'string' ? { stoppedAt } : {}),
    ...(message === undefined
      ? {}
      : { error: { message: short(message), ...(typeof node === 'string' ? { node } : {}) } }),
  }
}

/** Its first line; what stands behind the `?` of an address may be a key. */
const short = (message: string): string =>
  (message.split('\n')[0] ?? '').replace(/(https?:\/\/[^\s?#]*)[?#]\S*/g, '$1').slice(0, 300)
