/** n8n as a user runs it: its own server, on PostgreSQL, with our package among its community nodes. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startPostgres } from '../../../support/postgres.ts'
import { type Server, startServer } from '../../../support/server.ts'
import { freePort } from '../../../support/sshd.ts'
import { type Client, logIn } from './client.ts'
import { type Installed, installN8n, installNodes } from './install.ts'
import type { Redis } from './redis.ts'

/** With migrations, on a machine that does other things too. */
const READY_MS = 300_000
const database = 'n8n'

export interface RealN8n extends AsyncDisposable {
  readonly url: string
  readonly owner: Owner
  /** As the owner. */
  readonly client: Client
  /** The end of what its main process wrote. */
  log(): string
  /** One more process that runs executions; only with Redis. */
  addWorker(): Promise<Server>
}

export interface Owner {
  readonly email: string
  readonly password: string
}

export interface RealN8nOptions {
  /** Queue mode: executions go through it to workers. */
  readonly redis?: Redis
}

export async function startRealN8n({ redis }: RealN8nOptions = {}): Promise<RealN8n> {
  const installed = installN8n()
  const stack = new AsyncDisposableStack()
  try {
    return await start(installed, redis, stack)
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

async function start(
  installed: Installed,
  redis: Redis | undefined,
  stack: AsyncDisposableStack,
): Promise<RealN8n> {
  const folder = mkdtempSync(join(tmpdir(), 'homelab-n8n-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  installNodes(folder)
  const postgres = stack.use(await startPostgres())
  await postgres.createDatabase(database)

  const owner = { email: 'owner@example.com', password: `Aa1${randomBytes(12).toString('hex')}` }
  const shared = {
    ...settings(folder),
    ...ownerSettings(owner, installed),
    DB_TYPE: 'postgresdb',
    DB_POSTGRESDB_HOST: '127.0.0.1',
    DB_POSTGRESDB_PORT: String(postgres.port),
    DB_POSTGRESDB_DATABASE: database,
    DB_POSTGRESDB_USER: postgres.user,
    DB_POSTGRESDB_PASSWORD: postgres.password,
    ...(redis && {
      EXECUTIONS_MODE: 'queue',
      QUEUE_BULL_REDIS_HOST: '127.0.0.1',
      QUEUE_BULL_REDIS_PORT: String(redis.port),
    }),
  }
  /** The ports are free a moment ago; another process of this machine could take one in between. */
  const run = async (args: readonly string[], ready: RegExp): Promise<{ server: Server; port: number }> => {
    const [port, broker] = [await freePort(), await freePort()]
    const ports = { N8N_PORT: String(port), N8N_RUNNERS_BROKER_PORT: String(broker) }
    const server = await startServer([process.execPath, installed.bin, ...args], {
      ready,
      readyMs: READY_MS,
      env: { ...shared, ...ports },
    })
    stack.defer(() => server.stop())
    return { server, port }
  }

  const { server, port } = await run(['start'], /Editor is now accessible via/)
  const url = `http://127.0.0.1:${port}`
  const client = await logIn(url, owner)
  return {
    url,
    owner,
    client,
    log: server.log,
    async addWorker() {
      return (await run(['worker', '--concurrency=5'], /n8n worker is now ready/)).server
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/** Nothing asks the network, and what takes time to start and is not used stays out. */
const settings = (folder: string): Record<string, string> => ({
  NODE_ENV: 'production',
  NODE_OPTIONS: `--require=${fileURLToPath(new URL('./without-sqlite.cjs', import.meta.url))}`,
  N8N_USER_FOLDER: folder,
  N8N_ENCRYPTION_KEY: randomBytes(16).toString('hex'),
  N8N_LISTEN_ADDRESS: '127.0.0.1',
  N8N_SECURE_COOKIE: 'false',
  N8N_DIAGNOSTICS_ENABLED: 'false',
  N8N_VERSION_NOTIFICATIONS_ENABLED: 'false',
  N8N_TEMPLATES_ENABLED: 'false',
  N8N_PERSONALIZATION_ENABLED: 'false',
  N8N_HIRING_BANNER_ENABLED: 'false',
  N8N_VERIFIED_PACKAGES_ENABLED: 'false',
  N8N_DISABLED_MODULES: 'instance-ai,agents,mcp,mcp-registry,chat-hub,insights,data-table',
})

function ownerSettings({ email, password }: Owner, { modules }: Installed): Record<string, string> {
  const { hashSync } = createRequire(join(modules, 'n8n', 'package.json'))('bcryptjs') as {
    hashSync(password: string, rounds: number): string
  }
  return {
    N8N_INSTANCE_OWNER_MANAGED_BY_ENV: 'true',
    N8N_INSTANCE_OWNER_EMAIL: email,
    N8N_INSTANCE_OWNER_FIRST_NAME: 'Home',
    N8N_INSTANCE_OWNER_LAST_NAME: 'Lab',
    N8N_INSTANCE_OWNER_PASSWORD_HASH: hashSync(password, 10),
  }
}
