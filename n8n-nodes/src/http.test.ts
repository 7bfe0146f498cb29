import { TransportError } from '@homelab/core'
import type { IHttpRequestOptions } from 'n8n-workflow'
import { describe, expect, it } from 'vitest'
import { createHttp, type HttpContext } from './http.ts'

const url = 'https://pve:8006/api2/json/nodes/pve/lxc/110/status/reboot'

/** n8n's helper, as far as the port uses it. */
function contextOf(helper: (options: IHttpRequestOptions) => unknown): HttpContext {
  const httpRequestWithAuthentication = async (_: string, options: IHttpRequestOptions) => helper(options)
  return { helpers: { httpRequestWithAuthentication } } as unknown as HttpContext
}

/** As n8n wraps it: its own error around axios' around the socket's. */
function wrapped(code: string, facts: object = {}): Error {
  const socket = Object.assign(new Error(`socket ${code}`), { code, ...facts })
  const axios = Object.assign(new Error('axios', { cause: socket }), { code })
  return new Error('The service refused the connection - perhaps it is offline', { cause: axios })
}

async function failureOf(thrown: Error): Promise<TransportError> {
  const http = createHttp(
    contextOf(() => {
      throw thrown
    }),
    'proxmoxVeApi',
  )
  const error: unknown = await http.request({ method: 'POST', url }).catch((caught: unknown) => caught)
  if (!(error instanceof TransportError)) throw new Error('expected a TransportError')
  return error
}

describe('the Http port on n8n’s helper', () => {
  it('leaves the authentication to the credential, and a status to its caller', async () => {
    const seen: IHttpRequestOptions[] = []
    const context = contextOf((options) => {
      seen.push(options)
      return {
        statusCode: 403,
        statusMessage: 'Permission check failed',
        headers: { Date: 'now' },
        body: '{}',
      }
    })
    const headers = { accept: 'application/json', authorization: 'PVEAPIToken=a@pve!b=secret' }
    const answer = await createHttp(context, 'proxmoxVeApi').request({
      method: 'POST',
      url,
      headers,
      body: 'a=1',
    })
    expect(answer).toEqual({
      status: 403,
      statusText: 'Permission check failed',
      headers: { date: 'now' },
      body: '{}',
    })
    expect(seen).toEqual([
      expect.objectContaining({
        method: 'POST',
        url,
        body: 'a=1',
        headers: { accept: 'application/json' },
        returnFullResponse: true,
        ignoreHttpStatusErrors: true,
        disableFollowRedirect: true,
      }),
    ])
  })

  it.each(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN'])(
    'knows that nothing was sent after %s',
    async (code) => {
      expect(await failureOf(wrapped(code))).toMatchObject({ sent: false, code: 'unreachable' })
    },
  )

  it.each(['DEPTH_ZERO_SELF_SIGNED_CERT', 'CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID'])(
    'calls a certificate that fails with %s untrusted',
    async (code) => {
      const error = await failureOf(wrapped(code))
      expect(error).toMatchObject({ sent: false, code: 'untrusted' })
      expect(error.hint).toContain('/etc/pve/pve-root-ca.pem')
    },
  )

  it.each(['ECONNRESET', 'EPIPE', 'EHOSTUNREACH', 'ERR_BAD_RESPONSE'])(
    'takes a change for possibly made after %s',
    async (code) => {
      expect(await failureOf(wrapped(code))).toMatchObject({ sent: true, code: 'unreachable' })
    },
  )

  it('takes a timeout for possibly made, unless it was the connect', async () => {
    expect(await failureOf(wrapped('ETIMEDOUT'))).toMatchObject({ sent: true, code: 'timeout' })
    expect(await failureOf(wrapped('ETIMEDOUT', { syscall: 'connect' }))).toMatchObject({ sent: false })
    expect(await failureOf(new Error('something else'))).toMatchObject({ sent: true })
  })

  it('gives up at once when its signal is aborted, though n8n’s helper goes on', async () => {
    const stop = new AbortController()
    const context = contextOf(() => new Promise(() => undefined))
    const request = createHttp(context, 'proxmoxVeApi').request({ method: 'GET', url, signal: stop.signal })
    stop.abort(new Error('enough'))
    await expect(request).rejects.toMatchObject({ code: 'cancelled' })
  })

  it('refuses an answer that is larger than asked for', async () => {
    const context = contextOf(() => ({ statusCode: 200, headers: {}, body: 'x'.repeat(11) }))
    const request = createHttp(context, 'proxmoxVeApi').request({ method: 'GET', url, maxBytes: 10 })
    await expect(request).rejects.toMatchObject({ code: 'failed', sent: true })
  })
})
