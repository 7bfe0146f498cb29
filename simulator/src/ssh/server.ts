/** The node's sshd, as far as a stock one without a terminal goes: public keys, exec, exit codes and signals. */

import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import type { AddressInfo } from 'node:net'
import { constants } from 'node:os'
import type { AuthContext, ServerChannel, Session } from 'ssh2'
import ssh2 from 'ssh2'
import type { Services } from '../services/services.ts'
import type { Sim } from '../sim.ts'
import { answer } from './answer.ts'
import { createKeyPair } from './keys.ts'
import { installPrograms } from './programs.ts'

export interface Ssh {
  readonly login: {
    readonly host: string
    readonly port: number
    readonly user: string
    readonly privateKey: string
    readonly hostKey: string
  }
  /** Answers a fake program; see programs.ts. */
  run(request: unknown): Promise<object>
  /** Puts the programs in place, which call back to this URL. */
  listen(control: string): Promise<void>
  close(): Promise<void>
}

function isSignal(name: string): name is NodeJS.Signals {
  return name in constants.signals
}

export async function startSsh(sim: Sim, services: Services): Promise<Ssh> {
  const host = createKeyPair(sim.random.bytes('host key'), 'root@pve')
  const login = createKeyPair(sim.random.bytes('login key'), 'homelab')
  const parsed = ssh2.utils.parseKey(login.privateKey)
  if (parsed instanceof Error) throw parsed
  const [allowed] = Array.isArray(parsed) ? parsed : [parsed]
  const children = new Set<ChildProcess>()
  const clients = new Set<ssh2.Connection>()
  let programs: Awaited<ReturnType<typeof installPrograms>> | undefined

  const fits = (context: AuthContext): boolean => {
    if (context.method !== 'publickey' || context.username !== 'root' || !login.blob.equals(context.key.data))
      return false
    // Without a signature the client only asks whether this key would do.
    if (!context.signature || !context.blob) return true
    return allowed?.verify(context.blob, context.signature, context.hashAlgo) === true
  }

  const authenticate = (context: AuthContext): void => {
    if (fits(context)) context.accept()
    else context.reject(['publickey'])
  }

  const exec = (channel: ServerChannel, command: string): ChildProcess | undefined => {
    if (!programs) return undefined
    sim.journal.counts.execs += 1
    sim.journal.add({ kind: 'exec', command })
    // sshd gives the line to the login shell; the client's environment is dropped.
    const child = spawn('/bin/sh', ['-c', command], {
      cwd: programs.home,
      env: programs.env,
      detached: true,
      stdio: 'pipe',
    })
    children.add(child)
    const quiet = () => {}
    for (const stream of [child.stdin, child.stdout, child.stderr, channel]) stream.on('error', quiet)
    channel.pipe(child.stdin)
    child.stdout.pipe(channel, { end: false })
    child.stderr.pipe(channel.stderr, { end: false })
    child.once('error', (error) => {
      channel.stderr.write(`${error.message}\n`)
      channel.exit(127)
      channel.end()
    })
    child.once('close', (code, signal) => {
      children.delete(child)
      if (signal) channel.exit(signal.replace(/^SIG/, ''), false, '')
      else channel.exit(code ?? 255)
      channel.end()
    })
    // Without a terminal a command is not killed when its client goes away: its pipes break.
    channel.once('close', () => {
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy()
    })
    return child
  }

  const serve = (session: Session): void => {
    let child: ChildProcess | undefined
    session.on('pty', (_accept, reject) => reject?.())
    session.on('env', (_accept, reject) => reject?.())
    session.on('shell', (_accept, reject) => reject?.())
    session.on('exec', (accept, _reject, { command }) => {
      child = exec(accept(), command)
    })
    session.on('signal', (accept, reject, { name }) => {
      const signal = `SIG${name.replace(/^SIG/, '')}`
      if (!child?.pid || !isSignal(signal)) return reject?.()
      kill(child, signal)
      accept?.()
    })
  }

  const server = new ssh2.Server(
    { hostKeys: [host.privateKey], ident: 'OpenSSH_9.2p1 Debian-2+deb12u5' },
    (client) => {
      clients.add(client)
      // Small packets go at once, as sshd sends them.
      if ('setNoDelay' in client && typeof client.setNoDelay === 'function') client.setNoDelay(true)
      client.on('authentication', authenticate)
      client.on('session', (accept) => serve(accept()))
      client.on('close', () => clients.delete(client))
      // A client that hangs up, or that refuses this host key.
      client.on('error', () => {})
    },
  )
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(0, '127.0.0.1', resolve)
  await promise

  return {
    login: {
      host: '127.0.0.1',
      port: (server.address() as AddressInfo).port,
      user: 'root',
      privateKey: login.privateKey,
      hostKey: host.fingerprint,
    },
    run: (request) => answer(sim, services, request),
    listen: async (control) => {
      programs = await installPrograms(sim, control)
    },
    close: async () => {
      for (const client of clients) client.end()
      await new Promise<void>((done) => server.close(() => done()))
      for (const child of children) kill(child, 'SIGKILL')
      await programs?.remove()
    },
  }
}

/** The whole group, as sshd does. */
function kill(child: ChildProcess, signal: NodeJS.Signals): void {
  if (!child.pid) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // It ended in the meantime.
  }
}
