/**
 * n8n's side of a node, in this process: parameters with their defaults, credentials, items, and its helpers on real HTTP and real SSH.
 * For the fast tests; the whole engine runs the packed package in the end-to-end suite.
 */
import { createHttp as createNodeHttp } from '@homelab/core/node'
import type {
  IDataObject,
  IExecuteFunctions,
  IHttpRequestOptions,
  INodeExecutionData,
  INodeProperties,
  INodeType,
  SSHCredentials,
} from 'n8n-workflow'
import { Client } from 'ssh2'

export interface Setting {
  /** With `={{ $json.x }}` for a field of the item. Defaults come from the description. */
  readonly parameters: Readonly<Record<string, unknown>>
  /** Default: one empty item. */
  readonly items?: readonly IDataObject[]
  /** Credential type → its values. */
  readonly credentials?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly continueOnFail?: boolean
  /** As when an AI agent calls it. */
  readonly byAgent?: boolean
  readonly signal?: AbortSignal
}

export interface Outcome {
  readonly items: readonly INodeExecutionData[]
  readonly hints: readonly string[]
}

export interface Bench extends AsyncDisposable {
  /** @throws as the node does */
  run(node: INodeType, setting: Setting): Promise<Outcome>
  /** What a node's methods are called with: list searches, credential tests. */
  context(node: INodeType, setting: Setting): never
}

/** Connections are kept between runs, as n8n keeps them, and closed in the end. */
export function openBench(): Bench {
  const clients = new Map<string, Promise<Client>>()
  const https: Https = new Map()

  function contextOf(node: INodeType, setting: Setting, hints: string[]): IExecuteFunctions {
    const items = setting.items ?? [{}]
    const credentialsOf = (type: string): IDataObject => {
      const found = setting.credentials?.[type]
      if (found === undefined) throw new Error(`Node has no credential "${type}"`)
      return { ...found } as IDataObject
    }
    const parameter = (name: string, index: number, fallback?: unknown): unknown => {
      const value = setting.parameters[name] ?? defaultOf(node, name, setting.parameters) ?? fallback
      return resolved(value, items[index] ?? {})
    }
    const context = {
      getInputData: () => items.map((json) => ({ json })),
      getNodeParameter: parameter,
      getCurrentNodeParameter: (name: string) => parameter(name, 0),
      getCredentials: (type: string) => Promise.resolve().then(() => credentialsOf(type)),
      getNode: () => ({
        name: node.description.displayName,
        type: node.description.name,
        credentials: Object.fromEntries(
          Object.keys(setting.credentials ?? {}).map((type) => [type, { id: type, name: type }]),
        ),
      }),
      getWorkflow: () => ({ id: '1', name: 'Nightly', active: true }),
      continueOnFail: () => setting.continueOnFail ?? false,
      isToolExecution: () => setting.byAgent ?? false,
      getExecutionCancelSignal: () => setting.signal,
      addExecutionHints: (...given: { message: string }[]) =>
        hints.push(...given.map(({ message }) => message)),
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      helpers: {
        httpRequestWithAuthentication: (type: string, options: IHttpRequestOptions) =>
          requestWith(https, credentialsOf(type), options),
        httpRequest: (options: IHttpRequestOptions) => requestPlain(https, options),
        getSSHClient: (login: SSHCredentials) => clientFor(clients, login),
        updateLastUsed() {},
        prepareBinaryData: (bytes: Buffer, fileName: string, mimeType: string) =>
          Promise.resolve({ data: bytes.toString('base64'), fileName, mimeType }),
      },
    }
    return context as unknown as IExecuteFunctions
  }

  return {
    async run(node, setting) {
      const hints: string[] = []
      const context = contextOf(node, setting, hints)
      const output = (await node.execute?.call(context)) as INodeExecutionData[][] | undefined
      // Between nodes n8n hands on JSON only.
      return { items: structuredClone([...(output?.[0] ?? [])]), hints }
    },
    context: (node, setting) => contextOf(node, setting, []) as never,
    async [Symbol.asyncDispose]() {
      for (const client of clients.values()) await client.then((each) => each.end()).catch(() => undefined)
    },
  }
}

/** Of the property with this name that is shown for the chosen resource and operation. */
function defaultOf(node: INodeType, name: string, parameters: Setting['parameters']): unknown {
  const shown = ({ displayOptions }: INodeProperties): boolean =>
    ['resource', 'operation'].every(
      (key) => displayOptions?.show?.[key]?.includes(parameters[key] as string) ?? true,
    )
  return node.description.properties.find((each) => each.name === name && shown(each))?.default
}

function resolved(value: unknown, json: IDataObject): unknown {
  if (typeof value === 'string') {
    const [, field] = /^=\{\{ ?\$json\.(\w+) ?\}\}$/.exec(value) ?? []
    return field === undefined ? value : json[field]
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, resolved(each, json)]))
}

type Https = Map<string, ReturnType<typeof createNodeHttp>>

/** Signed as the credential's own `authenticate` would. */
function requestWith(
  https: Https,
  { ca, tokenId, tokenSecret, token }: IDataObject,
  options: IHttpRequestOptions,
) {
  const authorization =
    token === undefined ? `PVEAPIToken=${tokenId}=${tokenSecret}` : `Bearer ${String(token).trim()}`
  return requestPlain(https, {
    ...options,
    headers: { ...options.headers, authorization },
    ...(ca === undefined ? {} : { agentOptions: { ca: String(ca) } }),
  })
}

async function requestPlain(https: Https, options: IHttpRequestOptions) {
  const ca = String(options.agentOptions?.ca ?? '')
  const any = options.skipSslCertificateValidation === true
  const key = any ? 'any' : ca
  const http = https.get(key) ?? createNodeHttp(any ? { anyCertificate: true } : ca === '' ? {} : { ca })
  https.set(key, http)
  const { status, statusText, headers, body } = await http.request({
    method: options.method as 'GET',
    url: options.url,
    headers: options.headers as Record<string, string>,
    ...(options.timeout === undefined ? {} : { timeoutMs: options.timeout }),
    ...(options.body === undefined ? {} : { body: String(options.body) }),
    ...(options.abortSignal === undefined ? {} : { signal: options.abortSignal as AbortSignal }),
  })
  return { statusCode: status, statusMessage: statusText, headers, body }
}

/** As n8n's own pool: one connection for each log-in, no host key checked, dropped when it ends. */
function clientFor(clients: Map<string, Promise<Client>>, login: SSHCredentials): Promise<Client> {
  const key = JSON.stringify(login)
  const known = clients.get(key)
  if (known !== undefined) return known
  const client = new Client()
  const { promise, resolve, reject } = Promise.withResolvers<Client>()
  client.once('ready', () => resolve(client))
  client.on('error', reject)
  client.on('close', () => clients.delete(key))
  clients.set(key, promise)
  try {
    client.connect({
      host: login.sshHost,
      port: login.sshPort,
      username: login.sshUser,
      ...(login.sshAuthenticateWith === 'password'
        ? { password: login.sshPassword }
        : { privateKey: login.privateKey, ...(login.passphrase ? { passphrase: login.passphrase } : {}) }),
    })
  } catch (error) {
    // A key that cannot be read is found out before there is a connection.
    reject(error)
  }
  return promise
}
