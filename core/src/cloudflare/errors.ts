/** What Cloudflare says when it refuses, as HomelabError with the next step. */
import { type ErrorCode, HomelabError } from '../errors.ts'
import type { HttpResponse } from '../ports.ts'
import { Envelope } from './schemas.ts'

/** Of a token, by their names in Cloudflare's dashboard. */
export const permissions = {
  tunnelRead: 'Account · Cloudflare Tunnel · Read',
  tunnelEdit: 'Account · Cloudflare Tunnel · Edit',
  zoneRead: 'Zone · Zone · Read',
  dnsRead: 'Zone · DNS · Read',
  dnsEdit: 'Zone · DNS · Edit',
  appsRead: 'Account · Access: Apps and Policies · Read',
  appsEdit: 'Account · Access: Apps and Policies · Edit',
  organizationRead: 'Account · Access: Organizations, Identity Providers, and Groups · Read',
} as const

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below the address of the API, with its query. */
  readonly path: string
  /** What it is about, for people: `the rules of the tunnel`. */
  readonly what: string
  /** What the token needs for it; undefined: any token that is good may. */
  readonly permission?: string
}

/** There is a record of that name, or the same one: in the order of their numbers A/AAAA/CNAME, CNAME, NS, identical. */
const TAKEN = [81_053, 81_054, 81_055, 81_056, 81_057, 81_058]
const NO_SUCH = [1002, 1003, 7000, 7003, 81_044]
const BAD_TOKEN = [1000, 6003, 6111, 9106]
const AUTHENTICATION = 10_000
const UNAUTHORISED = 9109
const BAD_INGRESS = 1056
const THROTTLED = [971, 10_429]

interface Said {
  readonly codes: readonly number[]
  /** Its messages, the reasons of a vague one too; empty when it gave none. */
  readonly text: string
}

function saidIn(errors: Envelope['errors']): Said {
  const all = (errors ?? []).flatMap(({ code, message, error_chain }) => [{ code, message }, ...error_chain])
  const messages = [...new Set(all.map(({ message }) => message.trim()))].filter((message) => message !== '')
  return { codes: all.map(({ code }) => code), text: messages.join(': ').slice(0, 400) }
}

/** Undefined when it is none of Cloudflare's API. */
export function envelopeOf(body: string): Envelope | undefined {
  try {
    return Envelope.safeParse(JSON.parse(body)).data
  } catch {
    return undefined
  }
}

const isWrite = ({ method }: Call): boolean => method !== 'GET'
const pathOf = ({ path }: Call): string => path.split('?')[0] ?? path

/** For a change that may have happened. It is not repeated. */
export const unclearError = (call: Call, why: string, cause?: unknown): HomelabError =>
  new HomelabError('unclear', `Nobody knows whether Cloudflare changed ${call.what}: ${why}.`, {
    hint: 'It was not repeated. Look at what is there now, then decide.',
    data: { method: call.method, path: pathOf(call) },
    cause,
  })

export const throttled = (until: Date): HomelabError => {
  const clock = until.toISOString()
  return new HomelabError(
    'failed',
    `Cloudflare takes no more calls from this token until ${clock.slice(11, 19)} UTC.`,
    {
      hint: 'It allows 1,200 calls in 5 minutes, for everything that uses the same token or user, and then blocks all of them. Nothing is sent until then.',
      data: { until: clock },
    },
  )
}

export const isThrottled = (response: HttpResponse): boolean =>
  response.status === 429 ||
  (response.status >= 400 &&
    saidIn(envelopeOf(response.body)?.errors).codes.some((code) => THROTTLED.includes(code)))

/** The answer's fault, also of one with status 200 that says `success: false`. */
export function refusal(response: HttpResponse, call: Call): HomelabError {
  const { status } = response
  const envelope = envelopeOf(response.body)
  if (status >= 500)
    return isWrite(call)
      ? unclearError(call, `it answered ${status}`)
      : new HomelabError('unreachable', `Cloudflare cannot show ${call.what} at the moment: ${status}.`, {
          hint: 'Try again in a moment; cloudflarestatus.com says more.',
          data: { status, path: pathOf(call) },
        })
  if (envelope === undefined) return notTheApi(response, call)
  const { codes, text } = saidIn(envelope.errors)
  const data = { status, codes, path: pathOf(call), text }
  const has = (...wanted: readonly number[]): boolean => codes.some((code) => wanted.includes(code))
  const fail = (code: ErrorCode, message: string, hint?: string, more: object = {}): HomelabError =>
    new HomelabError(code, message, { ...(hint === undefined ? {} : { hint }), data: { ...data, ...more } })

  if (has(...BAD_TOKEN) || (has(UNAUTHORISED) && !/unauthori[sz]ed to access/i.test(text)))
    return fail(
      'unauthorised',
      `Cloudflare does not take the API token: ${text}.`,
      'Make one in the dashboard under My Profile, API Tokens. It may also have ended, or be bound to other addresses.',
    )
  if (has(AUTHENTICATION, UNAUTHORISED) || status === 401 || status === 403) return lacking(call, fail, text)
  if (has(...TAKEN) || status === 409 || /already[ _]exists/i.test(text))
    return fail('conflict', `Cloudflare refuses ${call.what}: ${text}`)
  if (status === 404 || has(...NO_SUCH))
    return fail(
      'not-found',
      `Cloudflare does not know ${call.what}.`,
      'Is the id right, and is it of this account?',
    )
  if (has(BAD_INGRESS)) return fail('failed', `Cloudflare refuses the rules: ${text}`)
  const said = text === '' ? `without a reason (status ${status})` : text
  // It says no where the status says yes, and no reason that is known: who changes something has to look.
  if (status < 300 && isWrite(call))
    return unclearError(call, `it answered ${status} and no success: ${said}`)
  return fail('failed', `Cloudflare refuses ${call.what}: ${said}`)
}

function lacking(
  call: Call,
  fail: (code: ErrorCode, message: string, hint?: string, more?: object) => HomelabError,
  text: string,
): HomelabError {
  const { permission } = call
  if (permission === undefined)
    return fail('unauthorised', `Cloudflare does not let the API token see ${call.what}: ${text}`)
  const [scope] = permission.split(' · ')
  return fail(
    'unauthorised',
    `The API token lacks "${permission}", which ${call.what} needs.`,
    `Add it in the dashboard under My Profile, API Tokens, Edit; its value stays the same. If it has that, then not for this ${scope === 'Zone' ? 'zone' : 'account'}.`,
    { permission },
  )
}

function notTheApi({ status, body }: HttpResponse, call: Call): HomelabError {
  if (status < 300 && isWrite(call)) return unclearError(call, 'the answer is none of its API')
  return new HomelabError(
    'config',
    `What answers at the address of Cloudflare's API is not that (${status}).`,
    {
      hint: 'The address is https://api.cloudflare.com/client/v4, unless something of yours stands between.',
      data: { status, path: pathOf(call), start: body.slice(0, 200) },
    },
  )
}
