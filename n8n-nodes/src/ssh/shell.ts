/** The Shell port on n8n's own SSH client, which pools connections over executions and knows no deadline of a command. */
import { type ExecOptions, type ExecResult, HomelabError, type Shell, TransportError } from '@homelab/core'
import { collectOutput, launch, markedLine, secretsToHide, stopLine } from '@homelab/core/shell'
import type { SSHTunnelFunctions } from 'n8n-workflow'
import type { Client, ClientChannel } from 'ssh2'
import { unlessAborted } from '../abort.ts'
import { n8nClock } from '../clock.ts'
import { loginOf, type SshCredential } from './credential.ts'
import { connectError } from './errors.ts'
import { pinnedKey, verifyHostKey } from './host-key.ts'

export interface SshContext {
  readonly helpers: SSHTunnelFunctions
}

/** Milliseconds. */
const timing = {
  connect: 20_000,
  command: 60_000,
  /** What a command gets to end after SIGTERM, and the host to say so. */
  grace: 5_000,
  /** n8n closes a connection that nobody has used for five minutes, also in the middle of a command. */
  stillUsed: 60_000,
}
const defaultMaxOutputBytes = 1024 * 1024

export function createSshShell(context: SshContext, credential: SshCredential): Shell {
  const host = `${credential.user}@${credential.host}`
  let connecting: Promise<Client> | undefined

  async function dial(): Promise<Client> {
    const pinned = (credential.hostKey ?? '').trim() === '' ? undefined : pinnedKey(credential.hostKey ?? '')
    const login = loginOf(credential)
    try {
      const late = AbortSignal.timeout(timing.connect)
      const client = await unlessAborted(context.helpers.getSSHClient(login), late)
      if (pinned !== undefined) await unlessAborted(verifyHostKey(client, pinned, host), late)
      return client
    } catch (error) {
      connecting = undefined
      throw connectError(host, error)
    }
  }
  const connected = (): Promise<Client> => {
    connecting ??= dial()
    return connecting
  }

  return {
    async exec(argv, options = {}) {
      for (let tries = 1; ; tries += 1) {
        options.signal?.throwIfAborted()
        const client = await connected()
        try {
          return await new Command(client, context, host, argv, options).result()
        } catch (error) {
          if (!(error instanceof TransportError)) throw error
          connecting = undefined
          // n8n closes connections on its own account: what was never sent is sent on a new one.
          if (error.sent || tries > 1) throw error
        }
      }
    },
  }
}

const lost = (host: string, cause?: unknown): TransportError =>
  new TransportError(
    `The SSH connection to ${host} was lost while a command ran: it may have done its work`,
    true,
    { code: 'unclear', hint: 'Look at the state before you repeat it.', cause },
  )

interface Opened {
  readonly channel: ClientChannel
  /** undefined: none was said. */
  exitCode(): number | null | undefined
}

class Command {
  readonly client: Client
  readonly context: SshContext
  readonly host: string
  readonly options: ExecOptions
  readonly argv: readonly string[]
  readonly mark = Array.from({ length: 16 }, () => Math.floor(Math.random() * 16).toString(16)).join('')

  constructor(
    client: Client,
    context: SshContext,
    host: string,
    argv: readonly string[],
    options: ExecOptions,
  ) {
    this.client = client
    this.context = context
    this.host = host
    this.argv = argv
    this.options = options
  }

  async result(): Promise<ExecResult> {
    const { signal, timeoutMs = timing.command } = this.options
    const late = AbortSignal.timeout(timeoutMs)
    const end = new AbortController()
    const launched = launch(this.argv, this.options)
    const running = this.run(markedLine(launched.argv, this.mark), launched.stdin)
    this.keepUsed(end.signal)
    try {
      return await unlessAborted(running, signal === undefined ? late : AbortSignal.any([signal, late]))
    } catch (error) {
      if (signal?.aborted !== true && !late.aborted) throw error
      running.catch(() => undefined)
      await this.stop(running)
      if (signal?.aborted === true) throw signal.reason
      throw new HomelabError(
        'timeout',
        `${this.argv[0]} on ${this.host} did not end within ${timeoutMs / 1000} s and was stopped`,
        { data: { host: this.host, started: true } },
      )
    } finally {
      end.abort()
    }
  }

  /** sshd reports the exit code before the last output, so only the close of both streams is the end. */
  async run(line: string, stdin: Uint8Array | undefined): Promise<ExecResult> {
    const { secrets, maxOutputBytes = defaultMaxOutputBytes, onLine } = this.options
    const hide = secretsToHide(secrets)
    const { channel, exitCode } = await this.open(line)
    const { promise, resolve, reject } = Promise.withResolvers<ExecResult>()
    const outputs = (['stdout', 'stderr'] as const).map((name) => {
      const output = collectOutput(maxOutputBytes, hide, onLine && ((text) => onLine(text, name)))
      const stream = name === 'stdout' ? channel : channel.stderr
      stream.on('data', (chunk: Uint8Array) => output.push(chunk))
      return output
    })
    // Writing to a command that has already gone is no failure of the command.
    channel.on('error', () => undefined)
    let open = 2
    const onClose = (): void => {
      open -= 1
      if (open > 0) return
      for (const output of outputs) output.end()
      const [stdout = '', stderr = ''] = outputs.map((output) => output.text())
      const code = exitCode()
      if (code === undefined) reject(lost(this.host))
      else resolve({ code, stdout, stderr, truncated: outputs.some(({ truncated }) => truncated) })
    }
    channel.once('close', onClose)
    channel.stderr.once('close', onClose)
    channel.end(stdin)
    return await promise
  }

  async open(line: string): Promise<Opened> {
    const { promise, resolve, reject } = Promise.withResolvers<Opened>()
    const onClose = (): void => reject(lost(this.host))
    this.client.once('close', onClose)
    try {
      this.client.exec(line, (error, channel) => {
        if (error !== undefined && error !== null) {
          reject(new HomelabError('failed', `${this.host} refused to run a command`, { cause: error }))
          return
        }
        // At once: a quick command's exit can stand in the same packet as this answer.
        let code: number | null | undefined
        channel.once('exit', (given: number | null) => {
          code = given
        })
        resolve({ channel, exitCode: () => code })
      })
      return await promise
    } catch (error) {
      if (error instanceof HomelabError) throw error
      // ssh2 says so when the connection is gone already: nothing was sent.
      throw new TransportError(`The SSH connection to ${this.host} is gone`, false, { cause: error })
    } finally {
      this.client.off('close', onClose)
    }
  }

  /** A connection on which not even that gets through is closed: n8n would hand it out again. */
  async stop(running: Promise<unknown>): Promise<void> {
    const ended = running.catch(() => undefined)
    try {
      const late = AbortSignal.timeout(timing.grace)
      await unlessAborted(this.run(stopLine(this.mark), undefined), late)
      await unlessAborted(ended, late)
    } catch {
      this.client.destroy()
    }
  }

  /** Tells n8n from time to time, until the command has ended. */
  keepUsed(ended: AbortSignal): void {
    const { helpers } = this.context
    const loop = async () => {
      for (;;) {
        helpers.updateLastUsed(this.client)
        await n8nClock.sleep(timing.stillUsed, ended)
      }
    }
    // Its only error is the abort that ends it.
    loop().catch(() => undefined)
  }
}
