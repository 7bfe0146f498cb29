/** One kept connection to one host and the commands on it. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Client, ClientChannel } from 'ssh2'
import { HomelabError, TransportError } from '../errors.ts'

export interface PoolOptions {
  /** Commands at once; sshd allows 10 sessions a connection (MaxSessions) unless it is told otherwise. */
  readonly maxChannels: number
  /** Milliseconds after the last command until the connection is closed. */
  readonly idleMs: number
  /** Milliseconds for the server to open a channel on a connection on which nothing else runs. */
  readonly openMs: number
}

interface Command {
  readonly line: string
  /** Another command that asks the first one to end, on the same connection. */
  readonly stopLine: string
}

export interface Running {
  readonly channel: ClientChannel
  /** Once the channel is closed: undefined when the connection was lost, null when a signal ended the command. */
  exitCode(): number | null | undefined
  /** Asks the command to end; its channel closes when it did. */
  stop(): void
  /** Closes the channel under a command that does not end, and lets nothing else wait for it. */
  abandon(): void
}

export interface Pool {
  /**
   * Starts a command as soon as it has a turn. The caller reads the channel until its `close`.
   * @throws the signal's reason; TransportError whose `sent` says whether the command may have started
   */
  start(command: Command, signal: AbortSignal): Promise<Running>
  close(): void
}

interface Link {
  readonly client: Client
  alive: boolean
  retired: boolean
  /** Channels on which a command runs that somebody waits for. */
  running: number
  /** Channels that the server was asked for. */
  opening: number
  /** Nothing new is started on it; it goes when its last command ended. */
  retire(): void
}

/** How often a command that is alone on its connection asks for a channel again: 0.6 s in all. */
const maxRefusals = 5

/** The server turned the channel away: too many of them, or none at all. */
class ChannelRefused extends Error {}
/** The connection was dead before the channel opened, so that nothing can have run. */
class LinkDead extends Error {}

export function createPool(node: string, dial: () => Promise<Client>, options: PoolOptions): Pool {
  let link: Promise<Link> | undefined
  let limit = options.maxChannels
  let busy = 0
  let idle: NodeJS.Timeout | undefined
  let closed = false
  const waiting = new Set<() => void>()
  const clients = new Set<Client>()

  function connected(): Promise<Link> {
    if (link) return link
    const dialled = dial().then((client) => {
      clients.add(client)
      const made: Link = {
        client,
        alive: true,
        retired: false,
        running: 0,
        opening: 0,
        retire() {
          made.retired = true
          if (link === dialled) link = undefined
          if (made.running + made.opening === 0) client.end()
        },
      }
      client.once('close', () => {
        clients.delete(client)
        made.alive = false
        made.retire()
      })
      limit = options.maxChannels
      if (closed) client.destroy()
      return made
    })
    link = dialled
    dialled.catch(() => {
      if (link === dialled) link = undefined
    })
    return dialled
  }

  /** @returns what gives the turn back, once */
  async function takeTurn(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    while (busy >= limit) {
      const turn = Promise.withResolvers<void>()
      const wake = () => {
        waiting.delete(wake)
        turn.resolve()
      }
      waiting.add(wake)
      await abortable(turn.promise, signal).finally(() => waiting.delete(wake))
    }
    busy += 1
    clearTimeout(idle)
    let mine = true
    return () => {
      if (!mine) return
      mine = false
      busy -= 1
      const [first] = waiting
      first?.()
      if (busy > 0) return
      clearTimeout(idle)
      idle = setTimeout(
        () =>
          void link?.then(
            (on) => on.retire(),
            () => undefined,
          ),
        options.idleMs,
      ).unref()
    }
  }

  /** @throws ChannelRefused, LinkDead, or a final error */
  function openChannel(on: Link, line: string): Promise<Pick<Running, 'channel' | 'exitCode'>> {
    const { promise, resolve, reject } = Promise.withResolvers<Pick<Running, 'channel' | 'exitCode'>>()
    // A peer that vanished answers nothing; when nothing else runs here, do not wait for the keepalive.
    const timer = setTimeout(() => {
      if (on.running === 0) on.client.destroy()
    }, options.openMs)
    try {
      on.client.exec(line, (error: (Error & { reason?: unknown }) | undefined, channel) => {
        if (!error) {
          // At once: a quick command's exit can stand in the same packet as this answer.
          let exit: number | null | undefined
          channel.once('exit', (code: number | null) => {
            exit = code
          })
          resolve({ channel, exitCode: () => exit })
        } else if (error.message !== 'Unable to exec') {
          const refused = on.alive && error.reason !== undefined
          reject(refused ? new ChannelRefused(error.message) : new LinkDead(error.message))
        } else if (on.alive) {
          reject(new HomelabError('failed', `${node} refused to run a command over SSH`))
        } else {
          // The channel was open and the command sent; only its acknowledgement is missing.
          reject(lostWhileRunning(node, error))
        }
      })
    } catch (error) {
      reject(new LinkDead(String(error)))
    }
    return promise.finally(() => clearTimeout(timer))
  }

  async function run(on: Link, command: Command, giveTurn: () => void): Promise<Running> {
    on.opening += 1
    const { channel, exitCode } = await openChannel(on, command.line).finally(() => {
      on.opening -= 1
    })
    on.running += 1
    let counted = true
    const ended = () => {
      giveTurn()
      if (!counted) return
      counted = false
      on.running -= 1
      if (on.retired) on.retire()
    }
    channel.once('close', ended)
    return {
      channel,
      exitCode,
      stop: () => send(on.client, command.stopLine),
      abandon() {
        channel.on('error', () => undefined).resume()
        channel.stderr.resume()
        channel.close()
        // sshd keeps the session until the command ends, which may be never: start afresh elsewhere.
        on.retire()
        ended()
      },
    }
  }

  async function start(command: Command, signal: AbortSignal): Promise<Running> {
    let redialled = false
    for (let refusals = 0; ; ) {
      const giveTurn = await takeTurn(signal)
      let on: Link | undefined
      try {
        if (closed) throw new HomelabError('cancelled', 'the SSH connections were closed')
        on = await abortable(connected(), signal)
        const running = run(on, command, giveTurn)
        // One that starts when its caller has gone: stop it; it has its turn until it ended.
        running.then(({ channel, stop }) => {
          if (!signal.aborted) return
          channel.on('error', () => undefined).resume()
          channel.stderr.resume()
          channel.end()
          stop()
        }, giveTurn)
        return await abortable(running, signal)
      } catch (error) {
        if (on === undefined) giveTurn()
        if (error instanceof ChannelRefused) {
          if (busy > 0) {
            // The server takes fewer sessions than we use: wait for one of ours to end, and stay below.
            limit = Math.min(limit, busy)
            continue
          }
          if (refusals >= maxRefusals) throw noSessions(node, error)
          // sshd forgets an ended session a moment after it said so.
          await abortable(delay(20 * 2 ** refusals), signal)
          refusals += 1
        } else if (!(error instanceof LinkDead)) throw error
        else if (redialled) {
          throw new TransportError(`the SSH connection to ${node} broke twice in a row`, false, {
            cause: error,
          })
        } else {
          on?.retire()
          redialled = true
        }
      }
    }
  }

  return {
    start,
    close() {
      closed = true
      clearTimeout(idle)
      for (const wake of [...waiting]) wake()
      for (const client of clients) client.destroy()
    },
  }
}

/** Best effort: without a session left for it, the command is abandoned a moment later anyway. */
function send(client: Client, line: string): void {
  try {
    client.exec(line, (error, channel) => {
      if (error) return
      channel.on('error', () => undefined).resume()
      channel.stderr.resume()
      channel.end()
    })
  } catch {
    // Not connected any more.
  }
}

const noSessions = (node: string, refused: Error): HomelabError =>
  new HomelabError('failed', `${node} refuses SSH sessions: ${refused.message}`, {
    hint: 'Look at MaxSessions and ForceCommand in its sshd_config.',
  })

export const lostWhileRunning = (node: string, cause?: unknown): TransportError =>
  new TransportError(
    `the SSH connection to ${node} was lost while a command ran: it may have done its work`,
    true,
    {
      code: 'unclear',
      hint: 'Look at the state before you repeat it.',
      cause,
    },
  )

/** @throws the signal's reason as soon as it is aborted; the promise goes on by itself */
async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const stop = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
