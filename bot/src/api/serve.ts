/** Binds an app to an address, and says in plain words when that fails. */
import { HomelabError } from '@homelab/core'
import { createAdaptorServer } from '@hono/node-server'
import type { Hono } from 'hono'

export interface ServeOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** What the owner changes to get another port, as the errors call it. */
  readonly setting: string
}

export interface Served extends AsyncDisposable {
  /** `http://127.0.0.1:8787` */
  readonly url: string
  readonly port: number
  /** Ends open event streams too: their readers come back by themselves. */
  close(): Promise<void>
}

/** @throws HomelabError `conflict` when the port is taken, `config` when the address cannot be bound */
export async function serve(app: Pick<Hono, 'fetch'>, options: ServeOptions): Promise<Served> {
  const server = createAdaptorServer({ fetch: app.fetch })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(options.port, options.host, resolve)
  try {
    await promise
  } catch (error) {
    throw bindError(error, options)
  }
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : options.port
  const shown = options.host.includes(':') ? `[${options.host}]` : options.host
  const close = () =>
    new Promise<void>((done) => {
      server.close(() => done())
      if ('closeAllConnections' in server) server.closeAllConnections()
    })
  return { url: `http://${shown}:${port}`, port, close, [Symbol.asyncDispose]: close }
}

function bindError(error: unknown, { host, port, setting }: ServeOptions): HomelabError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') {
    return new HomelabError('conflict', `Port ${port} on ${host} is taken by another program.`, {
      hint: `Is homelab running already? Otherwise set ${setting} to another port.`,
      data: { host, port },
      cause: error,
    })
  }
  const why =
    code === 'EACCES'
      ? 'this user may not (ports below 1024 belong to root)'
      : code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND'
        ? 'this machine has no such address'
        : error instanceof Error
          ? error.message
          : String(error)
  return new HomelabError('config', `Cannot listen on ${host}:${port}: ${why}.`, {
    hint: `Change ${setting}.`,
    data: { host, port },
    cause: error,
  })
}
