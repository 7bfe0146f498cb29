/** The API as it speaks HTTP: the envelope, the token, the quota, and what goes wrong on the way. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CloudflareAnswer } from '../faults.ts'
import { take } from '../process/faults.ts'
import { type Listening, listen } from '../process/listen.ts'
import type { Sim } from '../sim.ts'
import { access } from './access.ts'
import { may, type Quota, tokenOf } from './auth.ts'
import { type Answer, Refusal, refused, success } from './envelope.ts'
import { isObject, type Json } from './json.ts'
import type { Asked, Cloud, Route } from './routes.ts'
import { tunnels } from './tunnels.ts'
import type { Token, World } from './world.ts'
import { zones } from './zones.ts'

export const BASE = '/client/v4'
const MAX_BODY = 1_000_000

/** A token of an account is unknown to the first, one of a user to the second. */
const verify = (kind: Token['kind']) => ({
  run({ token }: Asked) {
    if (token.kind !== kind) throw new Refusal(401, 1000, 'Invalid API Token')
    return { id: token.id, status: token.status }
  },
})
const routes: readonly Route[] = [
  { verb: 'GET', path: '/user/tokens/verify', ...verify('user') },
  { verb: 'GET', path: '/accounts/:account/tokens/verify', ...verify('account') },
  ...zones,
  ...tunnels,
  ...access,
]

interface Matched {
  readonly route: Route
  readonly account: string | undefined
  readonly zone: string
  readonly parts: readonly string[]
}

function match(verb: string, path: string): Matched | undefined {
  const given = path.split('/')
  for (const route of routes) {
    const wanted = route.path.split('/')
    if (route.verb !== verb || wanted.length !== given.length) continue
    if (!wanted.every((part, index) => part.startsWith(':') || part === given[index])) continue
    const values = wanted.flatMap((part, index) => {
      const value = decodeURIComponent(given[index] ?? '')
      return part.startsWith(':') ? [[part, value] as const] : []
    })
    const value = (name: string): string | undefined => values.find(([key]) => key === name)?.[1]
    const parts = values.flatMap(([key, text]) => (key === ':account' || key === ':zone' ? [] : [text]))
    return { route, account: value(':account'), zone: value(':zone') ?? '', parts }
  }
  return undefined
}

/** @throws Refusal as for a token that may not */
function admit(world: World, token: Token, { route, account, zone }: Matched, path: string): void {
  const unroutable = new Refusal(
    404,
    7003,
    `Could not route to ${path}, perhaps your object identifier is invalid?`,
  )
  for (const id of [account, zone]) if (id && !/^[0-9a-f]{32}$/.test(id)) throw unroutable
  const name = world.zones.find(({ id }) => id === zone)?.name
  const foreign = account !== undefined && account !== world.account
  const hidden = name !== undefined && token.zones !== undefined && !token.zones.includes(name)
  const lacks = route.permission !== undefined && !may(token, route.permission)
  if (foreign || hidden || lacks) throw new Refusal(403, 10_000, 'Authentication error')
}

async function bodyOf(request: IncomingMessage): Promise<Json> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    chunks.push(chunk as Buffer)
    size += (chunk as Buffer).length
    if (size > MAX_BODY) throw new Refusal(413, 10_013, 'Request body is too large')
  }
  const text = Buffer.concat(chunks).toString('utf8')
  if (text === '') return {}
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return value
  } catch {
    // The same refusal as for what is no object.
  }
  throw new Refusal(400, 6007, 'Malformed JSON in request body')
}

const page = (status: number): string =>
  `<html>\r\n<head><title>${status}</title></head>\r\n<body>\r\n<center><h1>${status}</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n`

function answered({ status, code, message, html }: CloudflareAnswer): Answer {
  if (html === true) return { status, body: page(status) }
  const { body } = refused(new Refusal(status, code ?? 1101, message ?? 'Something went wrong'))
  return { status, body }
}

const headersOf = ({ retryAfter }: CloudflareAnswer): Readonly<Record<string, string>> =>
  retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }

export async function serveCloudflare(
  sim: Sim,
  cloud: Cloud,
  quota: Quota,
): Promise<Listening & { url: string }> {
  const { faults, journal } = sim

  const planned = (verb: string, path: string, after: boolean): CloudflareAnswer | undefined => {
    const index = faults.cloudflareAnswers.findIndex(
      (answer) =>
        (answer.verb ?? verb) === verb &&
        path.includes(answer.path ?? '') &&
        (answer.after ?? false) === after,
    )
    return index < 0 ? undefined : faults.cloudflareAnswers.splice(index, 1)[0]
  }

  async function respond(
    request: IncomingMessage,
    verb: string,
    url: URL,
  ): Promise<{ readonly answer: Answer; readonly headers: Readonly<Record<string, string>> } | undefined> {
    const { pathname } = url
    const path = pathname.slice(BASE.length)
    const write = verb !== 'GET'
    journal.request(verb, pathname)
    if (faults.delayMs > 0) await sleep(faults.delayMs, undefined, { ref: false })
    let headers: Readonly<Record<string, string>> = {}
    try {
      const body = await bodyOf(request)
      if (write && take(faults, 'cloudflareCutBefore')) return undefined
      const first = planned(verb, path, false)
      if (first !== undefined) return { answer: answered(first), headers: headersOf(first) }
      const token = tokenOf(cloud.world, request)
      const counted = quota.take(token.value)
      headers = counted.headers
      if (counted.retryAfter !== undefined)
        throw new Refusal(
          429,
          971,
          `More than ${faults.cloudflareQuota} requests per 300 seconds reached. Please wait and consider throttling your request speed`,
        )
      const matched = match(verb, path)
      if (!pathname.startsWith(`${BASE}/`) || matched === undefined)
        throw new Refusal(404, 7000, 'No route for that URI')
      admit(cloud.world, token, matched, path)
      const { zone, parts } = matched
      const result = matched.route.run({ cloud, token, zone, parts, query: url.searchParams, body })
      const answer = success(result, url.searchParams)
      if (write) {
        journal.change('cloudflare', `${verb} ${matched.route.path}`)
        journal.add({ kind: 'done', verb, path: pathname })
        if (take(faults, 'cloudflareCutAfter')) return undefined
      }
      const last = planned(verb, path, true)
      return { answer: last === undefined ? answer : answered(last), headers }
    } catch (error) {
      const known =
        error instanceof Refusal ? error : new Refusal(500, 1101, error instanceof Error ? error.message : '')
      return { answer: refused(known), headers }
    }
  }

  let rays = 0
  function send(response: ServerResponse, { status, body }: Answer, headers: object): void {
    rays += 1
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    response.writeHead(status, {
      'content-type': typeof body === 'string' ? 'text/html; charset=UTF-8' : 'application/json',
      'content-length': Buffer.byteLength(text),
      server: 'cloudflare',
      'cf-ray': `${rays.toString(16).padStart(16, '0')}-AMS`,
      ...headers,
    })
    response.end(text)
  }

  const server = createServer((request, response) => {
    const verb = request.method ?? 'GET'
    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    respond(request, verb, url).then(
      (result) => {
        if (result === undefined || request.socket.destroyed) return void request.socket.destroy()
        journal.add({ kind: 'answer', verb, path: url.pathname, status: result.answer.status })
        send(response, result.answer, result.headers)
      },
      // The client went away while its body was read.
      () => request.socket.destroy(),
    )
  })
  const listening = await listen(server, 0)
  return { ...listening, url: `http://127.0.0.1:${listening.port}${BASE}` }
}
