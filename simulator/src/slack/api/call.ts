/** One call of the Web API: token, scope, rate limit, and then what it asks for. */
import type { IncomingMessage } from 'node:http'
import { takeLimit } from '../faults.ts'
import type { Json } from '../json.ts'
import { string } from '../json.ts'
import { Refusal } from '../refusal.ts'
import type { Slack } from '../slack.ts'
import type { Method } from './method.ts'
import { needScope } from './method.ts'
import { methods } from './methods.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Json
}

function checkToken(slack: Slack, method: Method, request: IncomingMessage, args: Json): void {
  const { app, faults } = slack
  const header = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
  const token = header ?? string(args.token)
  if (token === undefined || token === '') throw new Refusal('not_authed')
  if (faults.token !== '') throw new Refusal(faults.token)
  if (token !== app.botToken && token !== app.appToken) throw new Refusal('invalid_auth')
  if (method.token === 'app' ? token !== app.appToken : token !== app.botToken)
    throw new Refusal('not_allowed_token_type')
}

const limited = (seconds: number): Answer => ({
  status: 429,
  headers: { 'retry-after': String(seconds) },
  body: { ok: false, error: 'ratelimited' },
})

async function run(slack: Slack, name: string, request: IncomingMessage, args: Json): Promise<Answer> {
  const method = methods[name]
  if (!method)
    return { status: 200, headers: {}, body: { ok: false, error: 'unknown_method', req_method: name } }
  const forced = takeLimit(slack.faults, name)
  if (forced !== undefined) return limited(forced)
  const headers = {
    'x-oauth-scopes': slack.app.scopes.join(','),
    ...(method.scope !== undefined && { 'x-accepted-oauth-scopes': method.scope }),
  }
  try {
    if (method.token !== 'none') checkToken(slack, method, request, args)
    const factor = slack.faults.limits[name] ?? slack.faults.limits['*'] ?? 1
    const seconds = slack.limits.take(name, method.tier, String(args.channel), factor)
    if (seconds > 0) return limited(seconds)
    if (method.scope !== undefined) needScope(slack, method.scope)
    return { status: 200, headers, body: { ok: true, ...(await method.run(args, slack)) } }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    if (error.code === 'ratelimited') return limited(1)
    return { status: 200, headers, body: { ok: false, error: error.code, ...error.details } }
  }
}

/** Answers a call and notes it. */
export async function call(
  slack: Slack,
  name: string,
  request: IncomingMessage,
  args: Json,
): Promise<Answer> {
  const { journal } = slack
  journal.count('calls', name)
  const answer = await run(slack, name, request, args)
  const error = string(answer.body.error)
  if (error !== undefined) journal.count('refused', `${name}: ${error}`)
  journal.add({
    kind: 'call',
    method: name,
    ok: error === undefined,
    error,
    channel: string(args.channel) ?? string(args.channel_id),
  })
  return answer
}
