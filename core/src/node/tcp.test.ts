import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createTcp } from './tcp.ts'

const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((close) => close()))
})

async function listen(onSocket: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    onSocket(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push(async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

const bytes = (text: string) => new TextEncoder().encode(text)
const tcp = createTcp()

test('sends and resolves with the first answer, and hangs up', async () => {
  const gone = Promise.withResolvers<void>()
  const port = await listen((socket) => {
    socket.once('data', (data) => socket.write(`you said ${data}`))
    socket.once('close', () => gone.resolve())
  })
  const answer = await tcp.exchange('127.0.0.1', port, bytes('PING'))
  expect(new TextDecoder().decode(answer)).toBe('you said PING')
  await gone.promise
})

test('nothing to send: a connection is enough', async () => {
  const port = await listen(() => undefined)
  expect(await tcp.exchange('127.0.0.1', port, bytes(''))).toHaveLength(0)
})

test('closed without a word is an empty answer', async () => {
  const port = await listen((socket) => socket.once('data', () => socket.end()))
  expect(await tcp.exchange('127.0.0.1', port, bytes('x'))).toHaveLength(0)
})

test('nobody listens: surely not sent', async () => {
  const port = await listen(() => undefined)
  await open.pop()?.()
  await expect(tcp.exchange('127.0.0.1', port, bytes('x'))).rejects.toMatchObject({
    code: 'unreachable',
    sent: false,
    message: `127.0.0.1:${port}: connection refused`,
  })
})

test('silence ends with the time limit', async () => {
  const port = await listen(() => undefined)
  await expect(tcp.exchange('127.0.0.1', port, bytes('x'), { timeoutMs: 50 })).rejects.toMatchObject({
    code: 'timeout',
    sent: true,
    message: `127.0.0.1:${port} connected, but said nothing within 0.05 s`,
  })
})

test('an aborted signal ends it with its reason', async () => {
  const stop = new AbortController()
  const port = await listen(() => stop.abort(new Error('enough')))
  await expect(tcp.exchange('127.0.0.1', port, bytes('x'), { signal: stop.signal })).rejects.toThrow('enough')
  await expect(tcp.exchange('127.0.0.1', port, bytes('x'), { signal: stop.signal })).rejects.toThrow('enough')
})
