/** The nodes' sshds, as a stock one is without a terminal: public keys, exec, exit codes and signals. */
import type { AddressInfo } from 'node:net'
import { constants } from 'node:os'
import type { AuthContext, Session } from 'ssh2'
import ssh2 from 'ssh2'
import type { Services } from '../services/services.ts'
import type { Sim } from '../sim.ts'
import { answer } from './answer.ts'
import { serveAsk } from './ask.ts'
import { Commands, type Running } from './commands.ts'
import type { LabFiles } from './files.ts'
import { createKeyPair } from './keys.ts'
import { installPrograms } from './programs.ts'

export interface Ssh {
  readonly login: {
    readonly host: string
    readonly port: number
    readonly user: string
    readonly privateKey: string
    readonly hostKey: string
    /** Of all nodes, which have the same keys. */
    readonly ports: Readonly<Record<string, number>>
  }
  /** What commands of a node find themselves in, for an sshd of one's own; HOMELAB_NODE names the node. */
  readonly env: Readonly<Record<string, string>>
  /** Answers a fake program; see programs.ts. */
  run(request: unknown): Promise<object>
  /** Puts the programs in place, which call back to this URL, and find these files. */
  install(control: string, files?: readonly LabFiles[]): Promise<void>
  /** Each refuses connections while its node is down. */
  setUp(online: (node: string) => boolean): Promise<void>
  close(): Promise<void>
}

interface Server {
  readonly node: string
  readonly port: number
  setUp(up: boolean): Promise<void>
}

function isSignal(name: string): name is NodeJS.Signals {
  return name in constants.signals
}

function serveSession(session: Session, commands: Commands, node: string, hangUp: () => void): void {
  let child: Running | undefined
  session.on('pty', (_accept, reject) => reject?.())
  session.on('env', (_accept, reject) => reject?.())
  session.on('shell', (_accept, reject) => reject?.())
  session.on('exec', (accept, _reject, { command }) => {
    child = commands.run(accept(), command, node, hangUp)
  })
  session.on('signal', (accept, reject, { name }) => {
    const signal = `SIG${name.replace(/^SIG/, '')}`
    if (!child || !isSignal(signal)) return reject?.()
    child.kill(signal)
    accept?.()
  })
}

export async function startSsh(sim: Sim, services: Services): Promise<Ssh> {
  const host = createKeyPair(sim.random.bytes('host key'), 'root@pve')
  const login = createKeyPair(sim.random.bytes('login key'), 'homelab')
  const parsed = ssh2.utils.parseKey(login.privateKey)
  if (parsed instanceof Error) throw parsed
  const [allowed] = Array.isArray(parsed) ? parsed : [parsed]
  const commands = new Commands(sim)

  const fits = (context: AuthContext): boolean => {
    if (
      context.method !== 'publickey' ||
      context.username !== 'root' ||
      !login.blob.equals(context.key.data)
    ) {
      return false
    }
    // Without a signature the client only asks whether this key would do.
    if (!context.signature || !context.blob) return true
    return allowed?.verify(context.blob, context.signature, context.hashAlgo) === true
  }

  async function serve(node: string): Promise<Server> {
    const clients = new Set<ssh2.Connection>()
    const server = new ssh2.Server(
      { hostKeys: [host.privateKey], ident: 'OpenSSH_9.2p1 Debian-2+deb12u5' },
      (client) => {
        clients.add(client)
        // Small packets go at once, as sshd sends them.
        if ('setNoDelay' in client && typeof client.setNoDelay === 'function') client.setNoDelay(true)
        client.on('authentication', (context) => {
          if (fits(context)) context.accept()
          else context.reject(['publickey'])
        })
        client.on('session', (accept) => serveSession(accept(), commands, node, () => client.end()))
        client.on('close', () => clients.delete(client))
        // A client that hangs up, or that refuses this host key.
        client.on('error', () => {})
      },
    )
    const listen = async (at: number): Promise<void> => {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      server.once('error', reject)
      server.listen(at, '127.0.0.1', resolve)
      await promise
      server.off('error', reject)
    }
    await listen(0)
    const { port } = server.address() as AddressInfo
    let up = true
    return {
      node,
      port,
      setUp: async (wanted) => {
        if (wanted === up) return
        up = wanted
        if (wanted) return await listen(port)
        for (const client of clients) client.end()
        await new Promise<void>((done) => server.close(() => done()))
      },
    }
  }
  const servers = await Promise.all(sim.lab.nodes.map(({ name }) => serve(name)))
  const run = (request: unknown) => answer(sim, services, commands.programs?.home ?? '', request)
  const ask = await serveAsk(run)

  return {
    login: {
      host: '127.0.0.1',
      port: servers[0]?.port ?? 0,
      user: 'root',
      privateKey: login.privateKey,
      hostKey: host.fingerprint,
      ports: Object.fromEntries(servers.map(({ node, port }) => [node, port])),
    },
    get env() {
      return commands.programs?.env ?? {}
    },
    run,
    install: async (control, files = []) => {
      commands.programs = await installPrograms(sim, control, ask.port, files)
      commands.answers = { run, files }
    },
    setUp: async (online) => {
      await Promise.all(servers.map((server) => server.setUp(online(server.node))))
    },
    close: async () => {
      await Promise.all(servers.map((server) => server.setUp(false)))
      commands.endAll()
      await ask.close()
      await commands.programs?.remove()
    },
  }
}
