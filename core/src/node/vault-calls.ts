/** Calls to the HTTP API of Vault (or OpenBao, which has the same), and what its answers mean. */
import { z } from 'zod'
import { type ErrorFacts, HomelabError, TransportError } from '../errors.ts'
import type { Http, HttpResponse } from '../ports.ts'
import type { Secret } from '../secret.ts'

/** It cannot say now: what it said before may still be right. */
export class VaultUnavailable extends HomelabError {}

export interface VaultAnswer {
  /** 200, or a refusal: 400, 403, 404 and the like. */
  readonly status: number
  /** What it says about a refusal, in one line; '' when it says nothing. */
  readonly errors: string
  /** Of the whole answer; null when it is not JSON. */
  readonly body: unknown
}

export interface VaultCalls {
  /** For people. */
  readonly place: string
  /**
   * @param path below /v1/, encoded
   * @throws VaultUnavailable when it is sealed, on standby, overloaded or cannot be reached
   */
  get(path: string, token: Secret): Promise<VaultAnswer>
  /** As `get`. */
  post(path: string, body: Readonly<Record<string, string>>, token?: Secret): Promise<VaultAnswer>
}

export interface VaultCallsOptions {
  readonly http: Http
  /** Without a slash at its end. */
  readonly url: string
  readonly namespace?: string | undefined
}

/** Milliseconds. Somebody waits for a command, and kept values are there at once. */
const TIMEOUT_MS = 5_000
const MAX_BYTES = 1024 * 1024

const Errors = z.object({ errors: z.array(z.string()).catch([]) }).catch({ errors: [] })

export function createVaultCalls({ http, url, namespace }: VaultCallsOptions): VaultCalls {
  const place = `Vault at ${url}`

  async function call(
    method: 'GET' | 'POST',
    target: string,
    token: Secret | undefined,
    body?: string,
  ): Promise<HttpResponse> {
    try {
      return await http.request({
        method,
        url: target,
        headers: {
          accept: 'application/json',
          // Its agent and proxy ask for this header, which a page in a browser cannot send.
          'x-vault-request': 'true',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
          ...(token === undefined ? {} : { 'x-vault-token': token.reveal() }),
        },
        timeoutMs: TIMEOUT_MS,
        maxBytes: MAX_BYTES,
        ...(body === undefined ? {} : { body }),
      })
    } catch (error) {
      if (!(error instanceof TransportError)) throw error
      throw new VaultUnavailable(error.code, `Vault gives no secrets: ${error.message}`, {
        ...(error.code === 'untrusted'
          ? { hint: error.hint?.replaceAll('homelab.yaml', '"vault" in homelab.yaml') ?? '' }
          : { hint: `homelab.yaml says that ${place.replace(' at', ' is at')}: is it running there?` }),
        cause: error,
      })
    }
  }

  async function answer(
    method: 'GET' | 'POST',
    path: string,
    token: Secret | undefined,
    body?: string,
  ): Promise<VaultAnswer> {
    let response = await call(method, `${url}/v1/${path}`, token, body)
    // A standby that may not forward says where the active one is.
    if (response.status === 307 || response.status === 308)
      response = await call(method, activeOf(url, response), token, body)
    const parsed = jsonOf(response.body)
    const errors = oneLine(Errors.parse(parsed).errors)
    const down = unavailable(place, response, errors)
    if (down !== undefined) throw down
    return { status: response.status, errors, body: parsed }
  }

  return {
    place,
    get: (path, token) => answer('GET', path, token),
    post: (path, body, token) => answer('POST', path, token, JSON.stringify(body)),
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** `2 errors occurred:\n\t* permission denied\n\t* invalid token` is written for a terminal. */
const oneLine = (errors: readonly string[]): string =>
  errors
    .flatMap((text) => text.replace(/^\d+ errors? occurred:/, '').split(/\s*\*\s+/))
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .join(', ')
    .slice(0, 300)

/** The token goes along, so never from https to http. */
function activeOf(url: string, { headers }: HttpResponse): string {
  const { location = '' } = headers
  const next = URL.parse(location, url)
  if (next !== null && (next.protocol === 'https:' || next.protocol === new URL(url).protocol))
    return next.href
  throw new VaultUnavailable(
    'unreachable',
    `Vault at ${url} is a standby and names no safe way to the active one`,
    {
      hint: 'Set vault.url in homelab.yaml to the active one, or let the standby forward requests.',
      data: { location },
    },
  )
}

function unavailable(place: string, { status }: HttpResponse, errors: string): VaultUnavailable | undefined {
  const down = (problem: string, facts: ErrorFacts) =>
    new VaultUnavailable('unreachable', `${place} ${problem}`, { ...facts, data: { status, errors } })
  if (status === 503 && /sealed|^$/i.test(errors))
    return down('is sealed', { hint: 'Unseal it (`vault operator unseal`), then try again.' })
  if (status === 501) return down('is not initialised', { hint: 'Initialise it (`vault operator init`).' })
  if (status === 472 || status === 473 || /not active|standby/i.test(errors))
    return down('is a standby that does not answer for the active one', {
      hint: 'Is there an active one? `vault status` on each says.',
    })
  if (status === 429)
    return down('is asked too often or is a standby', { hint: 'It has a rate limit: try again in a minute.' })
  if (status === 412 || status >= 500)
    return down(`answers ${status}${errors === '' ? '' : `: ${errors}`}`, {
      hint: 'Its own log says why; `vault status` shows how it is.',
    })
  return undefined
}
