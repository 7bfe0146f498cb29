import { X509Certificate } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { TransportError } from '../errors.ts'
import type { HttpRequest } from '../ports.ts'
import { createHttp, type HttpOptions } from './http.ts'
import { type Script, startServer } from './testing.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((http) => http.close()))
})

function client(options: HttpOptions = {}) {
  const http = createHttp(options)
  open.push(http)
  return http
}

const pinOf = (certificate: string): string => new X509Certificate(certificate).fingerprint256

async function failure(promise: Promise<unknown>): Promise<TransportError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(TransportError)
  return error as TransportError
}

const ok: Script = () => ({ data: 'fine' })

describe('trust', () => {
  it('accepts the pinned certificate in any spelling', async () => {
    await using server = await startServer(ok)
    const pin = pinOf(server.certificate)
    for (const fingerprint of [pin, pin.toLowerCase(), pin.replaceAll(':', ''), ['00'.repeat(32), pin]]) {
      const response = await client({ fingerprint }).request({ method: 'GET', url: server.url })
      expect(response.body).toBe('{"data":"fine"}')
    }
  })

  it('refuses another certificate before a request is sent, and names both fingerprints', async () => {
    await using server = await startServer(ok)
    const pinned = 'AB'.repeat(32)
    const headers = { authorization: 'PVEAPIToken=secret' }
    const http = client({ fingerprint: pinned })
    const error = await failure(http.request({ method: 'GET', url: server.url, headers }))
    expect(server.calls).toHaveLength(0)
    expect(error).toMatchObject({ code: 'untrusted', sent: false })
    expect(error.message).toContain('HAS CHANGED')
    expect(error.message).toContain(pinned.match(/../g)?.join(':'))
    expect(error.message).toContain(pinOf(server.certificate))
    expect(error.hint).toContain(`homelab.yaml to ${pinOf(server.certificate)}`)
  })

  it('checks each new connection: a server that comes back with another certificate is refused', async () => {
    const server = await startServer(ok)
    const http = client({ fingerprint: pinOf(server.certificate) })
    await http.request({ method: 'GET', url: server.url })
    await server[Symbol.asyncDispose]()
    const { generate } = await import('selfsigned')
    const other = await generate([{ name: 'commonName', value: 'other' }], { keyType: 'ec' })
    const { createServer } = await import('node:https')
    let served = 0
    const impostor = createServer({ key: other.private, cert: other.cert }, (_, response) => {
      served += 1
      response.end()
    })
    const listening = Promise.withResolvers<void>()
    impostor.listen(Number(new URL(server.url).port), '127.0.0.1', listening.resolve)
    await listening.promise
    try {
      const error = await failure(http.request({ method: 'GET', url: server.url }))
      expect(error.code).toBe('untrusted')
      expect(served).toBe(0)
    } finally {
      impostor.close()
      impostor.closeAllConnections()
    }
  })

  it('without a pin refuses a self-signed certificate and prints the fingerprint to pin', async () => {
    await using server = await startServer(ok)
    const error = await failure(client().request({ method: 'GET', url: server.url }))
    expect(server.calls).toHaveLength(0)
    expect(error).toMatchObject({ code: 'untrusted', sent: false })
    expect(error.hint).toContain(pinOf(server.certificate))
  })

  it('checks nothing when told so', async () => {
    await using server = await startServer(ok)
    expect((await client({ anyCertificate: true }).request({ method: 'GET', url: server.url })).status).toBe(
      200,
    )
  })

  it('accepts a certificate by its CA, for the right name only', async () => {
    await using server = await startServer(ok)
    const http = client({ ca: server.certificate })
    expect((await http.request({ method: 'GET', url: server.url })).status).toBe(200)
    const error = await failure(
      http.request({ method: 'GET', url: server.url.replace('127.0.0.1', 'localhost') }),
    )
    expect(error).toMatchObject({ code: 'untrusted', sent: false })
  })
})

describe('answers', () => {
  it('are data whatever their status, with the text of the status line', async () => {
    await using server = await startServer(() => ({
      status: 401,
      reason: 'invalid token value!',
      headers: { 'X-Custom': 'Yes' },
      body: 'ä',
    }))
    const http = client({ fingerprint: pinOf(server.certificate) })
    const response = await http.request({
      method: 'POST',
      url: `${server.url}/a?b=c`,
      body: 'd=1',
      headers: { x: 'y' },
    })
    expect(response).toMatchObject({ status: 401, statusText: 'invalid token value!', body: 'ä' })
    expect(response.headers['x-custom']).toBe('Yes')
    expect(server.calls[0]).toMatchObject({ method: 'POST', path: '/a', body: 'd=1' })
    expect(server.calls[0]?.headers).toMatchObject({ x: 'y', 'content-length': '3' })
  })

  it('are cut off at maxBytes', async () => {
    await using server = await startServer(() => ({ body: 'x'.repeat(5_000) }))
    const http = client({ fingerprint: pinOf(server.certificate) })
    expect((await http.request({ method: 'GET', url: server.url, maxBytes: 5_000 })).body).toHaveLength(5_000)
    const error = await failure(http.request({ method: 'GET', url: server.url, maxBytes: 4_999 }))
    expect(error).toMatchObject({ code: 'failed', sent: true })
  })

  it('come over few connections', async () => {
    await using server = await startServer(ok)
    const http = client({ fingerprint: pinOf(server.certificate), connections: 3 })
    await Promise.all(Array.from({ length: 20 }, () => http.request({ method: 'GET', url: server.url })))
    expect(server.calls).toHaveLength(20)
    expect(server.connections).toBeLessThanOrEqual(3)
  })
})

describe('failures', () => {
  it('before sending: an unknown name, a closed port', async () => {
    const http = client()
    const unknown = await failure(http.request({ method: 'POST', url: 'https://nowhere.invalid/' }))
    expect(unknown).toMatchObject({ code: 'unreachable', sent: false })
    const server = await startServer(ok)
    await server[Symbol.asyncDispose]()
    const closed = await failure(http.request({ method: 'POST', url: server.url }))
    expect(closed).toMatchObject({ code: 'unreachable', sent: false })
    expect(closed.message).toContain('connection refused')
  })

  it('after sending: a cut connection, a time-out, a cancel', async () => {
    await using server = await startServer(() => 'cut')
    const http = client({ fingerprint: pinOf(server.certificate) })
    const post: HttpRequest = { method: 'POST', url: server.url, body: 'a=1' }
    expect(await failure(http.request(post))).toMatchObject({ code: 'unreachable', sent: true })
    server.script = () => 'hang'
    expect(await failure(http.request({ ...post, timeoutMs: 700 }))).toMatchObject({
      code: 'timeout',
      sent: true,
    })
    const controller = new AbortController()
    const reason = new Error('enough')
    server.script = () => {
      controller.abort(reason)
      return 'hang'
    }
    const cancelled = await failure(http.request({ ...post, signal: controller.signal }))
    expect(cancelled).toMatchObject({ code: 'cancelled', sent: true })
    expect(cancelled.cause).toBe(reason)
    const before = server.calls.length
    const early = await failure(http.request({ ...post, signal: controller.signal }))
    expect(early).toMatchObject({ code: 'cancelled', sent: false })
    expect(server.calls).toHaveLength(before)
  })

  it('waiting for a free connection is not sent', async () => {
    const arrived = Promise.withResolvers<void>()
    await using server = await startServer(() => {
      arrived.resolve()
      return 'hang'
    })
    const http = client({ fingerprint: pinOf(server.certificate), connections: 1 })
    const controller = new AbortController()
    const first = failure(http.request({ method: 'POST', url: server.url, signal: controller.signal }))
    await arrived.promise
    const second = failure(http.request({ method: 'POST', url: server.url, timeoutMs: 50 }))
    expect(await second).toMatchObject({ code: 'timeout', sent: false })
    controller.abort()
    expect(await first).toMatchObject({ code: 'cancelled', sent: true })
    expect(server.calls).toHaveLength(1)
  })

  it('of a kept connection: a GET is sent once more, a POST is not', async () => {
    await using server = await startServer(ok)
    const http = client({ fingerprint: pinOf(server.certificate), connections: 1 })
    const request = (method: 'GET' | 'POST') => http.request({ method, url: server.url })
    await request('GET')
    let cuts = 1
    server.script = () => (cuts-- > 0 ? 'cut' : { data: 'again' })
    expect((await request('GET')).body).toBe('{"data":"again"}')
    expect(server.calls.map((call) => call.connection)).toEqual([1, 1, 2])
    cuts = 1
    expect(await failure(request('POST'))).toMatchObject({ sent: true })
    expect(server.calls).toHaveLength(4)
  })

  it('of a new connection: a GET is not repeated', async () => {
    await using server = await startServer(() => 'cut')
    const http = client({ fingerprint: pinOf(server.certificate) })
    expect(await failure(http.request({ method: 'GET', url: server.url }))).toMatchObject({ sent: true })
    expect(server.calls).toHaveLength(1)
  })
})
