/**
 * n8n's engine in a process of its own, without its server: loads an installed node package the way n8n does and
 * runs workflows on it. Speaks with harness.ts over the IPC channel. What n8n's server would add is small and here:
 * credentials in the clear, a start node, and a node that makes items.
 * Arguments: the folder of the package, the folder whose node_modules n8n's own packages are in.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'

const [packageFolder, n8nFolder] = process.argv.slice(2)
/** n8n's packages are CommonJS, and in a folder of their own: the project does not depend on them. */
export const own = createRequire(join(n8nFolder, 'package.json'))
const {
  ExecutionLifecycleHooks,
  LoadOptionsContext,
  PackageDirectoryLoader,
  PollContext,
  WebhookContext,
  WorkflowExecute,
} = own('n8n-core')
const { ICredentialsHelper, NodeConnectionTypes, NodeHelpers, Workflow } = own('n8n-workflow')
const { Container } = own('@n8n/di')
const { OutboundHttp } = own('@n8n/backend-network')

const stub = (name, execute) => ({
  description: {
    displayName: name,
    name,
    group: ['trigger'],
    version: 1,
    description: name,
    defaults: { name },
    inputs: name === 'manualTrigger' ? [] : [NodeConnectionTypes.Main],
    outputs: [NodeConnectionTypes.Main],
    properties: [{ displayName: 'Items', name: 'items', type: 'json', default: '[{}]' }],
  },
  execute,
})

const stubs = {
  'n8n-nodes-base.manualTrigger': stub('manualTrigger', async () => [[{ json: {} }]]),
  'harness.items': stub('items', async function () {
    return [JSON.parse(this.getNodeParameter('items', 0)).map((json) => ({ json, pairedItem: { item: 0 } }))]
  }),
}

/** Nodes of n8n itself, where all of it is installed. */
const theirs = {
  'n8n-nodes-base.httpRequest': ['n8n-nodes-base/dist/nodes/HttpRequest/HttpRequest.node.js', 'HttpRequest'],
  'n8n-nodes-base.splitOut': ['n8n-nodes-base/dist/nodes/Transform/SplitOut/SplitOut.node.js', 'SplitOut'],
}

export function withTheirs({ types }, { nodes }) {
  for (const { type } of nodes) {
    if (!(type in theirs)) continue
    const [path, name] = theirs[type]
    types[type] ??= new (own(path)[name])()
  }
}

class Credentials extends ICredentialsHelper {
  constructor(types, stored) {
    super()
    this.types = types
    this.stored = stored
  }
  getParentTypes() {
    return []
  }
  async authenticate(credentials, type, request) {
    return await signed(this.types[type].type, credentials, request)
  }
  async preAuthentication() {
    return undefined
  }
  async getCredentials() {
    throw new Error('not used')
  }
  async getDecrypted(_, { id }) {
    return this.stored[id]
  }
  isCredentialUsableByNode() {
    return true
  }
  async updateCredentials() {}
  async updateCredentialsOauthTokenData() {}
  getCredentialsProperties(type) {
    return this.types[type].type.properties
  }
}

async function load(directory) {
  const began = performance.now()
  const loader = new PackageDirectoryLoader(directory)
  await loader.loadAll()
  const loadMs = performance.now() - began
  const types = { ...stubs }
  for (const [name, { type }] of Object.entries(loader.nodeTypes))
    types[`${loader.packageName}.${name}`] = type
  const nodeTypes = {
    getByName: (name) => types[name],
    getByNameAndVersion: (name, version) => NodeHelpers.getVersionedNodeType(types[name], version),
    getKnownTypes: () => ({}),
  }
  return { loader, loadMs, types, nodeTypes }
}

/** A credential signs by a function, or says which headers it adds. */
async function signed({ authenticate }, values, request) {
  if (typeof authenticate === 'function') return await authenticate(values, request)
  const headers = Object.entries(authenticate.properties.headers).map(([name, text]) => [
    name,
    expressed(text, values),
  ])
  return { ...request, headers: { ...request.headers, ...Object.fromEntries(headers) } }
}

let running = 0

function additionalData({ loader, workflow, credentials }) {
  return {
    credentialsHelper: new Credentials(loader.credentialTypes, credentials),
    executionId: String(++running),
    hooks: new ExecutionLifecycleHooks('manual', String(running), workflow),
    currentNodeParameters: undefined,
    restApiUrl: 'http://127.0.0.1/',
    instanceBaseUrl: 'http://127.0.0.1/',
    formWaitingBaseUrl: 'http://127.0.0.1/',
    webhookBaseUrl: 'http://127.0.0.1/',
    webhookWaitingBaseUrl: 'http://127.0.0.1/',
    webhookTestBaseUrl: 'http://127.0.0.1/',
    variables: {},
    setExecutionStatus() {},
    logAiEvent() {},
  }
}

const workflowOf = (nodeTypes, definition) =>
  new Workflow({
    id: 'harness',
    name: 'harness',
    active: false,
    settings: { executionOrder: 'v1' },
    nodeTypes,
    ...definition,
  })

const expressed = (text, $credentials) =>
  new Workflow({ nodes: [], connections: {}, active: false, nodeTypes: {} }).expression.getParameterValue(
    text,
    null,
    0,
    0,
    '',
    [],
    'internal',
    { $credentials },
  )

/** By name: what the other side may ask for. */
export const jobs = {
  /** The descriptions, as the editor gets them. */
  async describe({ loader }) {
    const nodes = Object.entries(loader.nodeTypes).map(([name, { type }]) => [name, type.description])
    return { nodes: Object.fromEntries(nodes), credentials: Object.keys(loader.credentialTypes) }
  },

  /** Runs a workflow from its trigger; resolves with n8n's own run data. */
  async run(engine, { definition, credentials, cancelAfterMs }) {
    const { loader, nodeTypes } = engine
    withTheirs(engine, definition)
    const workflow = workflowOf(nodeTypes, definition)
    const execution = new WorkflowExecute(
      additionalData({ loader, workflow: definition, credentials }),
      'manual',
    )
    const run = execution.run({ workflow, startNode: workflow.getNode(definition.nodes[0].name) })
    if (cancelAfterMs !== undefined) setTimeout(() => run.cancel(), cancelAfterMs)
    const { data, status } = await run
    const { runData, error } = data.resultData
    return { status, runData, error }
  },

  /** Calls a list search method as the editor's drop-down does. */
  async search({ loader, nodeTypes }, { definition, credentials, node, method, filter, token }) {
    const workflow = workflowOf(nodeTypes, definition)
    const shared = additionalData({ loader, workflow: definition, credentials })
    const context = new LoadOptionsContext(workflow, workflow.getNode(node), shared, '')
    const type = nodeTypes.getByNameAndVersion(workflow.getNode(node).type)
    return await type.methods.listSearch[method].call(context, filter, token)
  },

  /** Calls the method that fills a list of several choices. */
  async options({ loader, nodeTypes }, { definition, credentials, node, method }) {
    const workflow = workflowOf(nodeTypes, definition)
    const shared = additionalData({ loader, workflow: definition, credentials })
    const context = new LoadOptionsContext(workflow, workflow.getNode(node), shared, '')
    const type = nodeTypes.getByNameAndVersion(workflow.getNode(node).type)
    return await type.methods.loadOptions[method].call(context)
  },

  /** One poll of a trigger, with what n8n had stored of the workflow; resolves with what it would store. */
  async poll({ loader, nodeTypes }, { definition, credentials, node, mode, staticData }) {
    const workflow = workflowOf(nodeTypes, { ...definition, staticData })
    const shared = additionalData({ loader, workflow: definition, credentials })
    const context = new PollContext(workflow, workflow.getNode(node), shared, mode, 'init')
    const output = await nodeTypes.getByNameAndVersion(workflow.getNode(node).type).poll.call(context)
    return { items: output?.[0] ?? null, staticData: workflow.staticData }
  },

  /** One request to a trigger's webhook, as n8n hands it on after it has parsed the body. */
  async webhook({ loader, nodeTypes }, { definition, credentials, node, mode, staticData, request }) {
    const workflow = workflowOf(nodeTypes, { ...definition, staticData })
    const answer = {}
    const httpResponse = {
      status: (code) => Object.assign(httpResponse, { code }),
      json: (body) => Object.assign(answer, { status: httpResponse.code, body }),
      end: () => Object.assign(answer, { status: httpResponse.code }),
    }
    const shared = {
      ...additionalData({ loader, workflow: definition, credentials }),
      httpRequest: request,
      httpResponse,
    }
    const context = new WebhookContext(workflow, workflow.getNode(node), shared, mode, {}, [], null)
    const output = await nodeTypes.getByNameAndVersion(workflow.getNode(node).type).webhook.call(context)
    return { ...answer, items: output.workflowData?.[0] ?? null, staticData: workflow.staticData }
  },

  /** Sends the credential's own test request; resolves with its status. */
  async test({ loader }, { type, values }) {
    const credential = loader.credentialTypes[type].type
    const { baseURL, url } = credential.test.request
    const base = expressed(baseURL, values)
    const request = { url: `${base}${url}`, returnFullResponse: true, json: true }
    const ready = await signed(credential, values, { ...request, ignoreHttpStatusErrors: true })
    const { statusCode } = await Container.get(OutboundHttp).requests().request(ready)
    return statusCode
  },
}

/** Errors do not survive JSON: what a person would see of one does. */
const readable = (_, value) =>
  value instanceof Error
    ? {
        name: value.name,
        message: value.message,
        description: value.description,
        httpCode: value.httpCode,
        context: value.context,
      }
    : value

const loaded = load(packageFolder)
async function answer({ id, job, input }) {
  try {
    const result = await jobs[job](await loaded, input)
    process.send({ id, result: JSON.parse(JSON.stringify(result ?? null, readable)) })
  } catch (error) {
    process.send({ id, error: JSON.parse(JSON.stringify(error, readable)), stack: String(error.stack) })
  }
}

process.on('message', (message) => void answer(message))
