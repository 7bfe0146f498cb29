/** Traefik's dynamic configuration out of a text, with the errors of its own reader (paerser): unknown keys and empty maps are refused. */
import { parseAllDocuments } from 'yaml'

export interface RouterConfig {
  readonly entryPoints?: readonly string[]
  readonly middlewares?: readonly string[]
  readonly service?: string
  readonly rule?: string
  readonly priority?: number
  readonly tls?: object
}

export interface ServiceConfig {
  readonly loadBalancer?: {
    readonly servers?: readonly { readonly url?: string }[]
    readonly passHostHeader?: boolean
    readonly serversTransport?: string
  }
}

export interface Dynamic {
  readonly routers: Readonly<Record<string, RouterConfig>>
  readonly services: Readonly<Record<string, ServiceConfig>>
  readonly middlewares: Readonly<Record<string, object>>
  readonly serversTransports: Readonly<Record<string, { readonly insecureSkipVerify?: boolean }>>
}

export const noDynamic: Dynamic = { routers: {}, services: {}, middlewares: {}, serversTransports: {} }

type Shape =
  | 'anything'
  | 'text'
  | 'number'
  | 'flag'
  | { readonly list: Shape }
  | { readonly map: Shape; readonly type: string }
  | Fields

interface Fields {
  readonly fields: Readonly<Record<string, Shape>>
  /** As the errors call it. */
  readonly type: string
  readonly mayBeEmpty?: true
}

const anything = (...names: readonly string[]): Record<string, Shape> =>
  Object.fromEntries(names.map((name) => [name, 'anything']))

const tls: Fields = {
  fields: { options: 'text', certResolver: 'text', domains: 'anything' },
  type: '*dynamic.RouterTLSConfig',
  mayBeEmpty: true,
}
const router: Fields = {
  fields: {
    entryPoints: { list: 'text' },
    middlewares: { list: 'text' },
    service: 'text',
    rule: 'text',
    ruleSyntax: 'text',
    priority: 'number',
    tls,
    observability: 'anything',
  },
  type: '*dynamic.Router',
}
const loadBalancer: Fields = {
  fields: {
    servers: {
      list: {
        fields: { url: 'text', weight: 'number', preservePath: 'flag', fenced: 'flag' },
        type: 'dynamic.Server',
      },
    },
    passHostHeader: 'flag',
    serversTransport: 'text',
    strategy: 'text',
    ...anything('sticky', 'healthCheck', 'passiveHealthCheck', 'responseForwarding'),
  },
  type: '*dynamic.ServersLoadBalancer',
}
const service: Fields = {
  fields: { loadBalancer, ...anything('weighted', 'mirroring', 'failover', 'highestRandomWeight') },
  type: '*dynamic.Service',
}
const middleware: Fields = {
  fields: anything(
    ...['addPrefix', 'basicAuth', 'buffering', 'chain', 'circuitBreaker', 'compress', 'contentType'],
    ...['digestAuth', 'errors', 'forwardAuth', 'grpcWeb', 'headers', 'ipAllowList', 'ipWhiteList'],
    ...['inFlightReq', 'passTLSClientCert', 'plugin', 'rateLimit', 'redirectRegex', 'redirectScheme'],
    ...['replacePath', 'replacePathRegex', 'retry', 'stripPrefix', 'stripPrefixRegex'],
  ),
  type: '*dynamic.Middleware',
}
const transport: Fields = {
  fields: {
    insecureSkipVerify: 'flag',
    serverName: 'text',
    ...anything('rootCAs', 'certificates', 'maxIdleConnsPerHost', 'forwardingTimeouts', 'disableHTTP2'),
    ...anything('peerCertURI', 'spiffe'),
  },
  type: '*dynamic.ServersTransport',
}
const http: Fields = {
  fields: {
    routers: { map: router, type: 'map[string]*dynamic.Router' },
    services: { map: service, type: 'map[string]*dynamic.Service' },
    middlewares: { map: middleware, type: 'map[string]*dynamic.Middleware' },
    serversTransports: { map: transport, type: 'map[string]*dynamic.ServersTransport' },
    models: 'anything',
  },
  type: '*dynamic.HTTPConfiguration',
}
/** Other keys at the top are not looked at. */
const roots: Readonly<Record<string, Shape>> = { http, ...anything('tcp', 'udp', 'tls') }

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const find = (fields: Readonly<Record<string, Shape>>, key: string): readonly [string, Shape] | undefined =>
  Object.entries(fields).find(([name]) => name.toLowerCase() === key.toLowerCase())

const standalone = (name: string, type: string): Error =>
  new Error(`${name} cannot be a standalone element (type ${type})`)

function fieldsOf(value: Record<string, unknown>, shape: Fields): Record<string, unknown> {
  const read: Record<string, unknown> = {}
  for (const [key, inner] of Object.entries(value)) {
    if (inner === null) continue
    const known = find(shape.fields, key)
    if (known === undefined) throw new Error(`field not found, node: ${key}`)
    read[known[0]] = shaped(inner, known[1], key)
  }
  return read
}

function shaped(value: unknown, shape: Shape, name: string): unknown {
  if (shape === 'anything') return value
  if (shape === 'text') return isMap(value) || Array.isArray(value) ? '' : String(value)
  if (shape === 'flag') {
    if (value === true || value === false) return value
    throw new Error(`strconv.ParseBool: parsing ${JSON.stringify(String(value))}: invalid syntax`)
  }
  if (shape === 'number') {
    if (/^-?\d+$/.test(String(value))) return Number(value)
    throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(String(value))}: invalid syntax`)
  }
  if ('list' in shape) {
    const items = Array.isArray(value) ? value : isMap(value) ? [] : String(value).split(',')
    if (isMap(value)) throw new Error(`field not found, node: ${Object.keys(value)[0] ?? name}`)
    return items.map((item, index) => shaped(item, shape.list, `[${index}]`))
  }
  if (Array.isArray(value)) throw new Error('field not found, node: [0]')
  const empty = !isMap(value) || Object.values(value).every((each) => each === null)
  if ('map' in shape) {
    if (empty || !isMap(value)) throw standalone(name, shape.type)
    const { map } = shape
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, inner]) => {
        if (inner === null) return []
        // What has a name of its own may be empty.
        if (typeof map === 'object' && 'fields' in map && isMap(inner)) return [[key, fieldsOf(inner, map)]]
        return [[key, shaped(inner, map, key)]]
      }),
    )
  }
  if (empty || !isMap(value)) {
    if (shape.mayBeEmpty) return {}
    throw standalone(name, shape.type)
  }
  return fieldsOf(value, shape)
}

/**
 * @param text YAML, or JSON, which is YAML
 * @throws Error with what Traefik logs
 */
export function decode(text: string): Dynamic {
  let data: unknown
  try {
    // Of several documents the first is read, and the others are not looked at.
    const [first] = [...parseAllDocuments(text, { logLevel: 'error' })]
    if (first !== undefined && first.errors[0] !== undefined) throw first.errors[0]
    data = first?.toJS()
  } catch (error) {
    throw new Error(`yaml: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`)
  }
  if (data === null || data === undefined) return noDynamic
  if (!isMap(data)) throw new Error('yaml: unmarshal errors: cannot unmarshal into map[string]interface {}')
  let read: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(data)) {
    const known = find(roots, key)
    if (known === undefined || value === null) continue
    if (isMap(value) && Object.keys(value).length === 0)
      throw standalone(key, known[1] === http ? http.type : `*dynamic.${key.toUpperCase()}Configuration`)
    const section = shaped(value, known[1], key)
    if (known[0] === 'http') read = section as Record<string, unknown>
  }
  return { ...noDynamic, ...read }
}

/** Go templates are not run here: what stands in braces is left out, and braces that do not close are an error. */
export function untemplated(text: string): string {
  const rest = text.replaceAll(/\{\{[^}]*\}\}/g, '')
  if (rest.includes('{{')) throw new Error('template: :1: unclosed action')
  return rest
}
