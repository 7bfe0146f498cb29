/** The Http port on n8n's request helper, which adds the credential's authentication and its TLS settings. */
import { type Http, type HttpRequest, TransportError } from '@homelab/core'
import type {
  IExecuteFunctions,
  IHttpRequestOptions,
  IN8nHttpFullResponse,
  RequestHelperFunctions,
} from 'n8n-workflow'
import { unlessAborted } from './abort.ts'

/** An execution, the editor's lists, or a trigger that polls. */
export interface HttpContext {
  readonly helpers: RequestHelperFunctions
}

const defaults = { timeoutMs: 30_000, maxBytes: 32 * 1024 * 1024 }

/** @param credential type name of the credential that signs the requests */
export const createHttp = (context: HttpContext, credential: string): Http =>
  createHttpOver((options) => {
    // n8n signs the request itself; core's own header would be a second one.
    const headers = Object.entries(options.headers ?? {}).filter(
      ([name]) => name.toLowerCase() !== 'authorization',
    )
    return context.helpers.httpRequestWithAuthentication.call(context as IExecuteFunctions, credential, {
      ...options,
      headers: Object.fromEntries(headers),
    })
  })

/** @param send one of n8n's helpers: resolves with a full response, whatever its status */
export function createHttpOver(send: (options: IHttpRequestOptions) => Promise<IN8nHttpFullResponse>): Http {
  return {
    async request(request) {
      const { origin } = new URL(request.url)
      let answer: IN8nHttpFullResponse
      try {
        answer = await unlessAborted(send(optionsOf(request)), request.signal)
      } catch (error) {
        if (request.signal?.aborted === true) {
          throw new TransportError(`The request to ${origin} was given up`, true, {
            code: 'cancelled',
            cause: error,
          })
        }
        throw transportError(error, origin)
      }
      const body = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body ?? '')
      const maxBytes = request.maxBytes ?? defaults.maxBytes
      if (body.length > maxBytes) {
        throw new TransportError(`The answer of ${origin} is larger than ${maxBytes} bytes`, true, {
          code: 'failed',
        })
      }
      return {
        status: answer.statusCode,
        statusText: answer.statusMessage ?? '',
        headers: Object.fromEntries(
          Object.entries(answer.headers).map(([name, value]) => [name.toLowerCase(), String(value)]),
        ),
        body,
      }
    },
  }
}

function optionsOf(request: HttpRequest): IHttpRequestOptions {
  return {
    method: request.method,
    url: request.url,
    headers: { ...request.headers },
    ...(request.body === undefined ? {} : { body: request.body }),
    timeout: request.timeoutMs ?? defaults.timeoutMs,
    encoding: 'text',
    json: false,
    returnFullResponse: true,
    ignoreHttpStatusErrors: true,
    disableFollowRedirect: true,
    ...(request.signal === undefined ? {} : { abortSignal: request.signal }),
  }
}

/** Only these surely came before the request was written. */
const unsent: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'its name could not be looked up',
  ECONNREFUSED: 'connection refused',
}

const untrusted = /CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|ERR_TLS_CERT_ALTNAME_INVALID/

const timeouts = new Set(['ECONNABORTED', 'ETIMEDOUT'])

const reasons: Readonly<Record<string, string>> = {
  ECONNRESET: 'it cut the connection',
  EPIPE: 'it cut the connection',
  EHOSTUNREACH: 'no route to it',
  ENETUNREACH: 'no route to its network',
  ECONNABORTED: 'it did not answer in time',
  ETIMEDOUT: 'it did not answer in time',
  EPROTO: 'it does not speak TLS on this port',
}

interface Cause {
  readonly code?: unknown
  readonly syscall?: unknown
  readonly message?: unknown
  readonly cause?: unknown
}

/** n8n wraps what axios threw, which wraps what the socket said: the innermost code counts. */
function innermost(error: unknown): { code: string; syscall: string; message: string } {
  const found = { code: '', syscall: '', message: error instanceof Error ? error.message : String(error) }
  let at = error as Cause | undefined
  for (let depth = 0; depth < 6 && typeof at === 'object' && at !== null; depth++) {
    if (typeof at.code === 'string') found.code = at.code
    if (typeof at.syscall === 'string') found.syscall = at.syscall
    at = at.cause as Cause | undefined
  }
  return found
}

function transportError(error: unknown, origin: string): TransportError {
  const { code, syscall, message } = innermost(error)
  const data = { origin, reason: code === '' ? message : code }
  if (untrusted.test(code)) {
    return new TransportError(
      `The certificate of ${origin} cannot be verified (${code}). Nothing was sent.`,
      false,
      {
        code: 'untrusted',
        hint:
          'Paste the authority that signed it (on the node: /etc/pve/pve-root-ca.pem) into the field ' +
          '"CA Certificate" of the credential, and use a name or address that the certificate names.',
        data,
        cause: error,
      },
    )
  }
  const reason = unsent[code] ?? reasons[code] ?? message
  const sent = !(code in unsent || syscall === 'connect')
  return new TransportError(
    sent ? `${origin} gave no complete answer: ${reason}` : `Cannot connect to ${origin}: ${reason}`,
    sent,
    {
      ...(timeouts.has(code) ? { code: 'timeout' as const } : {}),
      hint: 'Check the URL in the credential, and that n8n can reach it from where it runs.',
      data,
      cause: error,
    },
  )
}
