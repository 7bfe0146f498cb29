import { connect } from 'node:net'
import { TransportError } from '../errors.ts'
import type { Tcp } from '../ports.ts'

const why: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'the name cannot be resolved',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ECONNRESET: 'the connection was reset',
}

/** Plain sockets, for services that are asked in their own protocol. Connects within `timeoutMs`, default 5 000. */
export function createTcp(): Tcp {
  return {
    async exchange(host, port, send, { timeoutMs = 5000, signal } = {}) {
      const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
      signal?.throwIfAborted()
      const place = `${host}:${port}`
      let connected = false
      const socket = connect({ host, port, noDelay: true })
      const timer = setTimeout(() => {
        const what = connected ? 'connected, but said nothing' : 'did not answer'
        reject(
          new TransportError(`${place} ${what} within ${timeoutMs / 1000} s`, connected, { code: 'timeout' }),
        )
      }, timeoutMs)
      const onAbort = () => reject(signal?.reason)
      signal?.addEventListener('abort', onAbort, { once: true })

      socket.once('connect', () => {
        connected = true
        if (send.length === 0) resolve(new Uint8Array(0))
        else socket.write(send)
      })
      socket.once('data', (answer: Buffer) => resolve(new Uint8Array(answer)))
      // Closed without a word: what that means is for the protocol to judge.
      socket.once('end', () => resolve(new Uint8Array(0)))
      socket.once('error', (error: NodeJS.ErrnoException) => {
        const reason = why[error.code ?? ''] ?? error.message
        reject(new TransportError(`${place}: ${reason}`, connected, { cause: error }))
      })
      return promise.finally(() => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
        socket.on('error', () => undefined)
        socket.destroy()
      })
    },
  }
}
