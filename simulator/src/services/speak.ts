/** The protocols of the services, as far as a health check goes. */
import type { Server as HttpServer } from 'node:http'
import { createServer as createHttpServer } from 'node:http'
import type { Server, Socket } from 'node:net'
import { createServer } from 'node:net'
import type { Endpoint } from './endpoints.ts'

export type Mood = 'well' | 'error' | 'hang'

const SSL_REQUEST = 80_877_103
const GSS_REQUEST = 80_877_104
const PROTOCOL_3 = 196_608

/** PostgreSQL's answer to one message of a connection that is not yet logged in; undefined: not complete. */
function postgres(
  data: Buffer,
  mood: Mood,
): { readonly answer: Buffer; readonly used: number; readonly end: boolean } | undefined {
  if (data.length < 8) return undefined
  const length = data.readInt32BE(0)
  if (data.length < length) return undefined
  const code = data.readInt32BE(4)
  if (code === SSL_REQUEST || code === GSS_REQUEST) return { answer: Buffer.from('N'), used: 8, end: false }
  if (mood === 'error' || code !== PROTOCOL_3) {
    const fields = Buffer.from('SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0')
    const head = Buffer.alloc(5)
    head.write('E')
    head.writeInt32BE(fields.length + 4, 1)
    return { answer: Buffer.concat([head, fields]), used: length, end: true }
  }
  // AuthenticationSASL with the one mechanism that it offers.
  const body = Buffer.from('SCRAM-SHA-256\0\0')
  const head = Buffer.alloc(9)
  head.write('R')
  head.writeInt32BE(body.length + 8, 1)
  head.writeInt32BE(10, 5)
  return { answer: Buffer.concat([head, body]), used: length, end: false }
}

function redis(
  data: Buffer,
  mood: Mood,
): { readonly answer: Buffer; readonly used: number; readonly end: boolean } | undefined {
  const line = data.indexOf('\r\n')
  if (line < 0) return undefined
  let words = data.subarray(0, line).toString().split(' ')
  let used = line + 2
  const count = /^\*(\d+)$/.exec(words[0] ?? '')?.[1]
  if (count !== undefined) {
    const parts = data.toString('latin1').split('\r\n')
    const needed = 1 + 2 * Number(count)
    if (parts.length <= needed) return undefined
    words = parts.slice(1, needed).filter((_, index) => index % 2 === 1)
    used = parts.slice(0, needed).join('\r\n').length + 2
  }
  const [command = '', argument] = words
  if (mood === 'error')
    return { answer: Buffer.from('-LOADING Redis is loading the dataset in memory\r\n'), used, end: false }
  if (command.toUpperCase() === 'PING') {
    return {
      answer: Buffer.from(argument === undefined ? '+PONG\r\n' : `$${argument.length}\r\n${argument}\r\n`),
      used,
      end: false,
    }
  }
  if (command.toUpperCase() === 'QUIT') return { answer: Buffer.from('+OK\r\n'), used, end: true }
  return { answer: Buffer.from(`-ERR unknown command '${command}'\r\n`), used, end: false }
}

function talk(socket: Socket, speak: typeof postgres, mood: () => Mood): void {
  let waiting: Buffer = Buffer.alloc(0)
  // A check that hangs up in the middle is no business of the service.
  socket.on('error', () => {})
  socket.on('data', (data: Buffer) => {
    if (mood() === 'hang') return
    waiting = Buffer.concat([waiting, data])
    for (let reply = speak(waiting, mood()); reply; reply = speak(waiting, mood())) {
      socket.write(reply.answer)
      waiting = waiting.subarray(reply.used)
      if (reply.end) return void socket.end()
    }
  })
}

const pathsOf = (endpoint: Endpoint) => (endpoint.kind === 'web' ? endpoint.paths : {})

export function createService(answers: () => Endpoint, mood: () => Mood): Server | HttpServer {
  const endpoint = answers()
  if (endpoint.kind === 'postgres') return createServer((socket) => talk(socket, postgres, mood))
  if (endpoint.kind === 'redis') return createServer((socket) => talk(socket, redis, mood))
  return createHttpServer((request, response) => {
    if (mood() === 'hang') return
    const path = (request.url ?? '/').split('?')[0] ?? '/'
    const answer =
      mood() === 'error'
        ? { status: 500, type: 'text/plain', body: 'Internal Server Error' }
        : (pathsOf(answers())[path] ?? { status: 404, type: 'text/plain', body: '404 page not found' })
    response
      .writeHead(answer.status, { 'Content-Type': answer.type })
      .end(request.method === 'HEAD' ? undefined : answer.body)
  })
}
