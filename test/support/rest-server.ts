import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { restServerBinary } from './restic.ts'
import { type Server, startServer } from './server.ts'

export interface RestServer extends AsyncDisposable {
  readonly port: number
  /** Where its repositories lie, by name. */
  readonly dir: string
  /** What restic calls one: `rest:http://[user:password@]127.0.0.1:40015/name/`. */
  repository(name: string): string
  log(): string
  /** It is gone until `start`; what is stored stays. */
  stop(): Promise<void>
  /** Again on the same port. @param changed how it is to be from now on */
  start(changed?: { readonly appendOnly?: boolean }): Promise<void>
}

export interface RestServerOptions {
  /** Takes new files and gives them out, but changes and deletes none except locks. */
  readonly appendOnly?: boolean
  /** Default: everybody may. */
  readonly user?: { readonly name: string; readonly password: string }
  /** Bytes after which it refuses more. */
  readonly maxBytes?: number
}

/** Debian's restic-rest-server on a loopback port. */
export async function startRestServer({
  appendOnly = false,
  user,
  maxBytes,
}: RestServerOptions = {}): Promise<RestServer> {
  const dir = mkdtempSync(join(tmpdir(), 'homelab-rest-'))
  const passwords = join(dir, '.htpasswd')
  if (user) {
    const hash = createHash('sha1').update(user.password).digest('base64')
    writeFileSync(passwords, `${user.name}:{SHA}${hash}\n`, { mode: 0o600 })
  }
  const options = [
    ...(user ? ['--htpasswd-file', passwords] : ['--no-auth']),
    ...(maxBytes === undefined ? [] : ['--max-size', String(maxBytes)]),
  ]
  let only = appendOnly
  const listen = (port: number): Promise<Server> =>
    startServer(
      [
        ...[restServerBinary(), '--listen', `127.0.0.1:${port}`, '--path', dir],
        ...(only ? ['--append-only'] : []),
        ...options,
      ],
      { ready: /start server on 127\.0\.0\.1:(\d+)/ },
    )
  const remove = () => rmSync(dir, { recursive: true, force: true })
  let server: Server
  try {
    server = await listen(0)
  } catch (error) {
    remove()
    throw error
  }
  const port = Number(server.ready[1])
  const login = user ? `${encodeURIComponent(user.name)}:${encodeURIComponent(user.password)}@` : ''

  return {
    port,
    dir,
    repository: (name) => `rest:http://${login}127.0.0.1:${port}/${name}/`,
    log: () => server.log(),
    stop: () => server.stop(),
    async start(changed = {}) {
      only = changed.appendOnly ?? only
      server = await listen(port)
    },
    async [Symbol.asyncDispose]() {
      await server.stop()
      remove()
    },
  }
}
