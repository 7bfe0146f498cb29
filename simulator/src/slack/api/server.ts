/** The HTTP server of Slack: Web API, uploads, response URLs, and the way to the sockets. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { take } from '../../process/faults.ts'
import { listen } from '../../process/listen.ts'
import type { Json } from '../json.ts'
import type { Slack } from '../slack.ts'
import { argumentsOf, readBody, uploadOf } from './body.ts'
import { call } from './call.ts'
import { respond } from './respond.ts'

export interface ApiServer {
  close(): Promise<void>
}

function send(response: ServerResponse, status: number, body: Json, headers: Json = {}): void {
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    ...(headers as Record<string, string>),
  })
  response.end(JSON.stringify(body))
}

/** What puts a message into a channel for everybody. */
const posts = ['chat.postMessage', 'files.completeUploadExternal']

async function handle(slack: Slack, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readBody(request)
  const { pathname } = new URL(request.url ?? '/', 'http://localhost')
  const [, place = '', name = ''] = pathname.split('/')
  const { faults } = slack
  if (place === 'api') {
    if (faults.slowMs > 0) await sleep(faults.slowMs, undefined, { ref: false })
    if (take(faults, 'answer500')) return send(response, 500, { error: 'Internal Server Error' })
    if (take(faults, 'answer503')) return send(response, 503, { error: 'Service Unavailable' })
    const args = argumentsOf(request, body)
    if (!args) return send(response, 200, { ok: false, error: 'json_not_object' })
    const answer = await call(slack, name, request, args)
    if (posts.includes(name) && answer.body.ok === true && take(faults, 'cutAfterPost')) {
      request.socket.destroy()
      return
    }
    return send(response, answer.status, answer.body, answer.headers)
  }
  if (place === 'upload' && request.method === 'POST') {
    const file = slack.files.byTicket(name)
    const content = await uploadOf(request, body)
    if (!file || content.length !== file.length) return send(response, 400, { error: 'bad upload' })
    file.content = content
    response.writeHead(200, { 'content-type': 'text/plain' })
    response.end(`OK - ${content.length}`)
    return
  }
  if (place === 'files') {
    const file = slack.files.get(name)
    const allowed = request.headers.authorization === `Bearer ${slack.app.botToken}`
    if (!file?.content || !allowed) return send(response, 404, { ok: false, error: 'file_not_found' })
    response.writeHead(200, { 'content-type': 'application/octet-stream' })
    response.end(file.content)
    return
  }
  if (place === 'commands' || place === 'actions') {
    const args = argumentsOf(request, body)
    if (!args) return send(response, 400, { ok: false, error: 'invalid_payload' })
    const answer = respond(slack, pathname, args)
    return send(response, answer.status, answer.body)
  }
  send(response, 404, { ok: false, error: 'not_found' })
}

export async function serveApi(slack: Slack, port: number): Promise<ApiServer> {
  const server = createServer((request, response) => {
    handle(slack, request, response).catch((error: unknown) => {
      process.stderr.write(`slack: ${error instanceof Error ? error.stack : String(error)}\n`)
      if (!response.headersSent) send(response, 500, { ok: false, error: 'fatal_error' })
    })
  })
  server.on('upgrade', (request, socket, head) => {
    if (request.url?.startsWith('/link/')) slack.sockets.upgrade(request, socket, head)
    else socket.destroy()
  })
  const listening = await listen(server, port)
  slack.origin = `http://127.0.0.1:${listening.port}`
  return {
    close: () => {
      slack.sockets.close()
      return listening.close()
    },
  }
}
