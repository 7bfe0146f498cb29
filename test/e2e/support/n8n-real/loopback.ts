/** A small HTTP server of a test's own, on loopback. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'

export interface Request {
  readonly method: string
  /** Without what follows a question mark. */
  readonly path: string
  /** What follows it. */
  readonly query: URLSearchParams
  readonly body: string
}

export interface Answer {
  readonly status: number
  readonly type?: string
  readonly body?: string
}

export const json = (status: number, body: object): Answer => ({ status, body: JSON.stringify(body) })

/** @returns where it listens: `http://127.0.0.1:40015` */
export async function listen(
  answer: (request: Request) => Answer,
): Promise<{ readonly url: string } & AsyncDisposable> {
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request
    const [path = '', query] = url.split('?')
    const {
      status,
      type = 'application/json',
      body,
    } = answer({
      method,
      path,
      query: new URLSearchParams(query),
      body: await text(request),
    })
    response.writeHead(status, { 'content-type': type }).end(body)
  }
  const server = createServer((request, response) => void serve(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
