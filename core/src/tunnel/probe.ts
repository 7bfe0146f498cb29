/** Whether a host name leads where it should: asked of Traefik in the lab, and from outside as a visitor would. */
import { isHomelabError } from '../errors.ts'
import type { Clock, Http, HttpResponse } from '../ports.ts'

export interface Probed {
  /** `login`: Access asks who it is. `unseen`: it could not be asked, so nothing is known. */
  readonly state: 'answers' | 'login' | 'wrong' | 'unseen'
  /** For people: `HTTP 200`, `502: Traefik does not reach its backend`. */
  readonly detail: string
}

const answers = (detail: string): Probed => ({ state: 'answers', detail })
const wrong = (detail: string): Probed => ({ state: 'wrong', detail })

/** Of Traefik, asked with the host name. */
export function judgeRoute({ status, body }: HttpResponse): Probed {
  if (status === 404 && /^404 page not found\s*$/.test(body)) return wrong('404: Traefik has no route for it')
  if (status === 502 || status === 504) return wrong(`${status}: Traefik does not reach its backend`)
  if (status === 503 && /no available server/i.test(body)) return wrong('503: Traefik has no server for it')
  return answers(`HTTP ${status}`)
}

const byCloudflare = ({ headers }: HttpResponse): boolean =>
  headers['cf-ray'] !== undefined || headers.server?.toLowerCase() === 'cloudflare'

/** Cloudflare's own words for what its edge could not do. */
const edgeErrors: Readonly<Record<string, string>> = {
  1033: 'the tunnel has no connector',
  1016: 'the record leads nowhere',
  1000: 'the record leads to an address that Cloudflare does not take',
}

/** Of Cloudflare's edge, asked as anybody. */
export function judgeOutside(response: HttpResponse): Probed {
  const { status, headers, body } = response
  const location = headers.location ?? ''
  if (status >= 300 && status < 400 && /\.cloudflareaccess\.com(?:[:/]|$)|\/cdn-cgi\/access\//.test(location))
    return { state: 'login', detail: 'Access asks for a login' }
  if (!byCloudflare(response))
    return { state: 'unseen', detail: `HTTP ${status}, but not by Cloudflare: here the name leads past it` }
  const code = /\berror(?: code)?:?\s*(1\d{3})\b/i.exec(body)?.[1]
  if (status === 530 || (code !== undefined && status >= 400)) {
    const why = code === undefined ? undefined : edgeErrors[code]
    return wrong(
      `${status}${code === undefined ? '' : ` (error ${code})`}${why === undefined ? '' : `: ${why}`}`,
    )
  }
  if (status === 502 || (status >= 520 && status <= 527))
    return wrong(`${status}: the tunnel does not reach Traefik or the backend`)
  const route = judgeRoute(response)
  if (route.state === 'wrong') return route
  return answers(`HTTP ${status}`)
}

export interface Ask {
  readonly probe: Http
  readonly hostname: string
  readonly signal?: AbortSignal
}

/** @param where the address of Traefik, without a path */
export async function askRoute({ probe, hostname, signal }: Ask, where: string): Promise<Probed> {
  return await asked(probe, `${where}/`, hostname, judgeRoute, signal, (message) => wrong(message))
}

/** @param edge only for tests: an address that stands for Cloudflare's edge */
export async function askOutside(
  { probe, hostname, signal }: Ask,
  edge: string | undefined,
): Promise<Probed> {
  const url = edge === undefined ? `https://${hostname}/` : `${edge}/`
  return await asked(
    probe,
    url,
    edge === undefined ? undefined : hostname,
    judgeOutside,
    signal,
    (message) => ({
      state: 'unseen',
      detail: message,
    }),
  )
}

async function asked(
  probe: Http,
  url: string,
  host: string | undefined,
  judge: (response: HttpResponse) => Probed,
  signal: AbortSignal | undefined,
  unanswered: (message: string) => Probed,
): Promise<Probed> {
  try {
    const response = await probe.request({
      method: 'GET',
      url,
      headers: { accept: '*/*', ...(host === undefined ? {} : { host }) },
      timeoutMs: 10_000,
      maxBytes: 8 * 1024 * 1024,
      ...(signal === undefined ? {} : { signal }),
    })
    return judge(response)
  } catch (error) {
    signal?.throwIfAborted()
    if (!isHomelabError(error)) throw error
    return unanswered(error.message)
  }
}

/**
 * Asks until it is as wanted, or the time is over: what was written a moment ago may not be everywhere yet.
 * @returns the last answer
 */
export async function askUntil(
  ask: () => Promise<Probed>,
  wanted: (answer: Probed) => boolean,
  {
    clock,
    signal,
    limitMs,
  }: { readonly clock: Clock; readonly signal: AbortSignal; readonly limitMs: number },
): Promise<Probed> {
  const end = clock.monotonic() + limitMs
  for (let pause = 250; ; pause = Math.min(2 * pause, 2_000)) {
    const answer = await ask()
    if (wanted(answer) || clock.monotonic() + pause > end) return answer
    await clock.sleep(pause, signal)
  }
}
