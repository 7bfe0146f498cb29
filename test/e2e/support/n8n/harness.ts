/** Runs workflows on n8n's engine with the package as a user would install it: packed, and from its dist. */
import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { install, installIsolated, npm } from './isolated.ts'

const here = dirname(fileURLToPath(import.meta.url))
export const packedIn = 'HOMELAB_E2E_PACKAGE'
/** Where this process has the package installed: several run beside each other. */
let cache: string | undefined
/** Beside what `setup.ts` has packed, which it removes in the end: a worker that is ended does not come to that. */
const cacheFolder = (): string => {
  const beside = process.env[packedIn]
  cache ??= mkdtempSync(join(beside === undefined ? tmpdir() : dirname(beside), 'homelab-n8n-'))
  return cache
}
const source = join(here, '..', '..', '..', '..', 'n8n-nodes')

export const packageName = 'n8n-nodes-homelab'

/** Builds and packs the package. @returns the path of the tarball */
export function packPackage(into: string): string {
  execFileSync(process.execPath, [join(source, 'scripts', 'build.ts')])
  return join(into, npm(source, ['pack', '--silent', '--pack-destination', into]).trim())
}

/** What `setup.ts` has packed, once for all files of the suite. */
export function packed(): string {
  const path = process.env[packedIn]
  if (path === undefined) throw new Error(`${packedIn} is not set: test/e2e/support/setup.ts does it`)
  return path
}

/** Installs the package as n8n itself does. @returns the folder it is installed in */
export function installPackage(): string {
  installTarball(cacheFolder(), packed())
  return join(cacheFolder(), 'node_modules', packageName)
}

/** The engine alone, without n8n's server. */
export const installEngine = (): void => installIsolated(here)

/** @param folder gets `node_modules` */
export function installTarball(folder: string, tarball: string): void {
  const flags = ['--omit=dev', '--omit=peer', '--ignore-scripts', '--install-links']
  install(folder, ['--prefix', folder, ...flags, tarball])
}

export interface NodeSpec {
  readonly name: string
  readonly type: string
  /** Default: 1. */
  readonly typeVersion?: number
  readonly parameters?: Readonly<Record<string, unknown>>
  /** Credential type → its values. */
  readonly credentials?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly onError?: 'continueRegularOutput' | 'continueErrorOutput'
}

export interface Item {
  readonly json: Readonly<Record<string, unknown>>
  readonly pairedItem?: { readonly item: number }
}

export interface NodeRun {
  readonly executionStatus: 'success' | 'error' | 'canceled'
  readonly executionTime: number
  readonly data?: { readonly main: readonly (readonly Item[])[] }
  readonly error?: ShownError
  readonly hints?: readonly { readonly message: string; readonly type?: string }[]
}

/** What a person sees of an error in n8n. */
export interface ShownError {
  readonly name: string
  readonly message: string
  readonly description?: string
  readonly httpCode?: string
  readonly context?: { readonly itemIndex?: number }
}

export interface Run {
  readonly status: 'success' | 'error' | 'canceled'
  /** By node name, its only run. */
  readonly nodes: Readonly<Record<string, NodeRun>>
  readonly error?: ShownError
}

export interface ListSearch {
  readonly results: readonly { readonly name: string; readonly value: string; readonly url?: string }[]
  readonly paginationToken?: string
}

export interface WebhookRequest {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

/** What a trigger starts the workflow with; null: nothing. */
export interface Told {
  readonly items: readonly Item[] | null
  /** What n8n stores with the workflow. */
  readonly staticData: unknown
  /** HTTP, of a webhook. */
  readonly status?: number
}

export interface Description {
  readonly properties: readonly Readonly<Record<string, unknown>>[]
  readonly [key: string]: unknown
}

export interface N8n extends AsyncDisposable {
  /** Runs the nodes one after the other, after a manual trigger. */
  run(nodes: readonly NodeSpec[], options?: { readonly cancelAfterMs?: number }): Promise<Run>
  /** What the node's drop-down would list. @throws Error with what a person would be shown */
  search(node: NodeSpec, method: string, filter?: string, token?: string): Promise<ListSearch>
  /** What a field with several choices would offer. */
  options(
    node: NodeSpec,
    method: string,
  ): Promise<readonly { readonly name: string; readonly value: string }[]>
  /** One look of a polling trigger. @param stored what the look before said to store */
  poll(node: NodeSpec, stored?: unknown, mode?: 'trigger' | 'manual'): Promise<Told>
  /** One request to a webhook trigger. */
  webhook(
    node: NodeSpec,
    request: WebhookRequest,
    stored?: unknown,
    mode?: 'webhook' | 'manual',
  ): Promise<Told>
  /** The HTTP status that the credential's test gets. */
  test(type: string, values: Readonly<Record<string, unknown>>): Promise<number>
  describe(): Promise<{ nodes: Record<string, Description>; credentials: string[] }>
}

/** An item source: n8n's Code node would do the same. */
export const items = (name: string, list: readonly Record<string, unknown>[]): NodeSpec => ({
  name,
  type: 'harness.items',
  parameters: { items: JSON.stringify(list) },
})

/** A process that hosts n8n's engine. */
export interface Host extends AsyncDisposable {
  call(job: string, input: unknown): Promise<unknown>
}

export interface HostOptions {
  /** Default: host.mjs. */
  readonly script?: URL
  /** Whose node_modules n8n's packages are in. Default: this one's. */
  readonly n8nFolder?: string
}

/** Resolves when the package is loaded. */
export async function startHost(packageFolder: string, options: HostOptions = {}): Promise<Host> {
  const { script = new URL('./host.mjs', import.meta.url), n8nFolder = here } = options
  const child = fork(script, [packageFolder, n8nFolder], {
    // As n8n does it: a community package finds n8n-workflow among n8n's own packages.
    env: {
      PATH: process.env.PATH,
      NODE_PATH: join(n8nFolder, 'node_modules'),
      N8N_USER_FOLDER: cacheFolder(),
      N8N_ENCRYPTION_KEY: 'only for tests',
    },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const call = caller(child)
  await call('describe', {})
  return {
    call,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill()
      await gone
    },
  }
}

/** @param n8nFolder where all of n8n is installed, for its own nodes; default: the engine alone */
export async function startN8n(packageFolder: string, n8nFolder?: string): Promise<N8n> {
  const host = await startHost(packageFolder, n8nFolder === undefined ? {} : { n8nFolder })
  const { call } = host
  return {
    run: async (nodes, options = {}) => {
      const run = (await call('run', { ...workflowOf(nodes), ...options })) as RawRun
      const names = Object.entries(run.runData).map(([name, [first]]) => [name, first])
      return {
        status: run.status,
        nodes: Object.fromEntries(names),
        ...(run.error ? { error: run.error } : {}),
      }
    },
    search: async (node, method, filter, token) =>
      (await call('search', { ...workflowOf([node]), node: node.name, method, filter, token })) as ListSearch,
    options: async (node, method) =>
      (await call('options', { ...workflowOf([node]), node: node.name, method })) as Awaited<
        ReturnType<N8n['options']>
      >,
    poll: async (node, staticData = {}, mode = 'trigger') =>
      (await call('poll', { ...workflowOf([node]), node: node.name, mode, staticData })) as Told,
    webhook: async (node, request, staticData = {}, mode = 'webhook') =>
      (await call('webhook', {
        ...workflowOf([node]),
        node: node.name,
        mode,
        staticData,
        request,
      })) as Told,
    test: async (type, values) => (await call('test', { type, values })) as number,
    describe: async () => (await call('describe', {})) as Awaited<ReturnType<N8n['describe']>>,
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  }
}

interface RawRun {
  readonly status: Run['status']
  readonly runData: Readonly<Record<string, readonly NodeRun[]>>
  readonly error?: ShownError
}

/** The nodes one after the other, after a manual trigger, with their credentials beside. */
export function workflowOf(specs: readonly NodeSpec[]) {
  const credentials: Record<string, unknown> = {}
  const nodes = specs.map(({ credentials: own = {}, parameters = {}, ...spec }) => ({
    typeVersion: 1,
    ...spec,
    id: spec.name,
    position: [0, 0],
    parameters,
    credentials: Object.fromEntries(
      Object.entries(own).map(([type, values]) => {
        const id = `${spec.name}/${type}`
        credentials[id] = values
        return [type, { id, name: id }]
      }),
    ),
  }))
  const trigger = {
    id: 'Start',
    name: 'Start',
    type: 'n8n-nodes-base.manualTrigger',
    typeVersion: 1,
    position: [0, 0],
  }
  const all = [{ ...trigger, parameters: {} }, ...nodes]
  const connections = Object.fromEntries(
    all
      .slice(1)
      .map(({ name }, index) => [all[index]?.name, { main: [[{ node: name, type: 'main', index: 0 }]] }]),
  )
  return { definition: { nodes: all, connections }, credentials }
}

type Answer = {
  readonly id: number
  readonly result?: unknown
  readonly error?: ShownError
  readonly stack?: string
}

/** Calls by message; when the process dies, every call that waits fails with its last words. */
function caller(child: ChildProcess) {
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  let last = ''
  let count = 0
  child.stderr?.on('data', (data) => {
    last = `${last}${data}`.slice(-4000)
  })
  child.on('exit', (code, signal) => {
    for (const { reject } of waiting.values())
      reject(new Error(`the n8n process ended (${code ?? signal}): ${last}`))
  })
  child.on('message', (answer: Answer) => {
    const call = waiting.get(answer.id)
    waiting.delete(answer.id)
    if (answer.error === undefined) call?.resolve(answer.result)
    else call?.reject(Object.assign(new Error(answer.error.message), answer.error, { stack: answer.stack }))
  })
  return (job: string, input: unknown): Promise<unknown> => {
    const call = Promise.withResolvers<unknown>()
    waiting.set(++count, call)
    child.send({ id: count, job, input })
    return call.promise
  }
}
