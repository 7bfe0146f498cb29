/** Debian's Redis, empty, on a loopback port. */
import { type Server, startServer } from '../../../support/server.ts'
import { freePort } from '../../../support/sshd.ts'

export interface Redis extends AsyncDisposable {
  readonly port: number
}

export async function startRedis(): Promise<Redis> {
  const port = await freePort()
  const settings = { bind: '127.0.0.1', port: String(port), save: '', appendonly: 'no', daemonize: 'no' }
  const argv = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
  const server: Server = await startServer(['redis-server', ...argv], {
    ready: /Ready to accept connections/,
  })
  return { port, [Symbol.asyncDispose]: () => server.stop() }
}
