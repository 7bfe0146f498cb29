/** `GET /metrics`: without a login where nobody else can come, with a token of its own anywhere. */
import type { ErrorData, Secret } from '@homelab/core'
import { type Context, Hono } from 'hono'
import { sameSecret } from '../api/http.ts'
import { hostAllowed, socketOf } from '../console/guard.ts'
import { Throttle } from '../console/sessions.ts'
import type { Metrics } from './types.ts'

export interface MetricsRouteOptions {
  readonly metrics: Pick<Metrics, 'text'>
  /** Absent: none is asked for. */
  readonly token?: Secret
  /** Whether only this machine can come to the address that it is served on. */
  readonly loopback: boolean
}

export function createMetricsRoute({ metrics, token, loopback }: MetricsRouteOptions): Hono {
  const app = new Hono()
  const throttle = new Throttle()

  function refusal(c: Context): { readonly error: ErrorData; readonly status: 401 | 403 | 429 } | undefined {
    const { remoteAddress = '', localPort } = socketOf(c)
    if (token === undefined) {
      // By its name a page of somebody else could come here, too.
      const ours = hostAllowed(c.req.header('host'), localPort, { loopbackOnly: true, hosts: [] })
      if (loopback && ours) return undefined
      const error: ErrorData = {
        code: 'denied',
        message: 'Others can come to this address, and there is no token for /metrics.',
        hint: 'Set monitoring.metrics.token in homelab.yaml to env:NAME or file:/path.',
      }
      return { error, status: 403 }
    }
    const [scheme = '', given = ''] = (c.req.header('authorization') ?? '').split(' ')
    const shown = scheme.toLowerCase() === 'bearer' && given !== ''
    if (shown && sameSecret(given, token)) return undefined
    if (shown) throttle.failed(remoteAddress)
    const seconds = throttle.wait(remoteAddress)
    c.header('www-authenticate', 'Bearer realm="homelab"')
    const error: ErrorData = {
      code: 'unauthorised',
      message: shown ? 'The token for /metrics is wrong.' : 'This needs the token for /metrics.',
      hint: 'It is what monitoring.metrics.token of homelab.yaml refers to.',
    }
    if (!shown || seconds === 0) return { error, status: 401 }
    c.header('retry-after', String(seconds))
    return {
      error: { ...error, message: 'Too many wrong tokens.', hint: `Try again in ${seconds} s.` },
      status: 429,
    }
  }

  app.get('/metrics', async (c) => {
    c.header('cache-control', 'no-store')
    const refused = refusal(c)
    if (refused !== undefined) return c.json(refused.error, refused.status)
    const { type, body } = await metrics.text()
    return c.body(body, 200, { 'content-type': type })
  })
  return app
}
