/**
 * SSH to the nodes: the Shell port on ssh2. Host keys are always checked, a terminal is never asked for.
 *
 * What a host is asked to run is `HOMELAB_EXEC=<mark> exec 'program' argument …`. By the mark in its
 * environment a command is found again when it must end (shell/stop.ts).
 */
import { randomBytes } from 'node:crypto'
import { HomelabError, isHomelabError } from '../errors.ts'
import type { ExecOptions, ExecResult, Shell } from '../ports.ts'
import { launch, markedLine, secretsToHide, stopLine } from '../shell/index.ts'
import { followCommand } from './ssh-command.ts'
import { connect, type SshHost } from './ssh-connect.ts'
import { createPool, type Pool } from './ssh-pool.ts'

export type { SshHost } from './ssh-connect.ts'
export type { HostKey } from './ssh-host-keys.ts'

export interface SshOptions {
  /** By the name of the Proxmox node. */
  readonly hosts: Readonly<Record<string, SshHost>>
  /** Milliseconds without a command after which a connection is closed. Default 5 minutes. */
  readonly idleMs?: number
  /** Milliseconds to connect and log in. Default 10 000. */
  readonly connectTimeoutMs?: number
  /** Milliseconds between signs of life; three missed ones end the connection. Default 15 000. */
  readonly keepaliveMs?: number
  /** Commands at once on one host; more wait for their turn. Default 8, below sshd's MaxSessions of 10. */
  readonly maxChannels?: number
}

export interface Ssh {
  /** @throws HomelabError `config` when there is no SSH access for this node */
  shell(node: string): Shell
  has(node: string): boolean
  /** Ends all connections; running commands fail. */
  close(): void
}

const defaultTimeoutMs = 60_000
const defaultMaxOutputBytes = 1024 * 1024

export function createSsh({ hosts, ...options }: SshOptions): Ssh {
  const targets = new Map(Object.entries(hosts))
  const pools = new Map<string, Pool>()

  function poolOf(node: string, target: SshHost): Pool {
    const existing = pools.get(node)
    if (existing) return existing
    const timeoutMs = options.connectTimeoutMs ?? 10_000
    const dial = () => connect(node, target, { timeoutMs, keepaliveMs: options.keepaliveMs ?? 15_000 })
    const made = createPool(node, dial, {
      maxChannels: options.maxChannels ?? 8,
      idleMs: options.idleMs ?? 300_000,
      openMs: 5000,
    })
    pools.set(node, made)
    return made
  }

  return {
    has: (node) => targets.has(node),
    shell(node) {
      const target = targets.get(node)
      if (!target) {
        throw new HomelabError('config', `there is no SSH access to ${node}`, {
          hint: `Add ${node} under proxmox.ssh in homelab.yaml.`,
        })
      }
      const pool = poolOf(node, target)
      return { exec: (argv, execOptions = {}) => exec(node, pool, argv, execOptions) }
    },
    close() {
      for (const pool of pools.values()) pool.close()
    },
  }
}

async function exec(
  node: string,
  pool: Pool,
  argv: readonly string[],
  options: ExecOptions,
): Promise<ExecResult> {
  const { signal, timeoutMs = defaultTimeoutMs, maxOutputBytes = defaultMaxOutputBytes } = options
  const launched = launch(argv, options)
  const mark = randomBytes(8).toString('hex')
  const command = { line: markedLine(launched.argv, mark), stopLine: stopLine(mark) }

  let started = false
  const stop = new AbortController()
  const cancel = () => stop.abort(cancelled(node, signal?.reason))
  const timer = setTimeout(() => stop.abort(tooSlow(node, argv, timeoutMs, started)), timeoutMs)
  if (signal?.aborted) cancel()
  else signal?.addEventListener('abort', cancel, { once: true })
  try {
    const running = await pool.start(command, stop.signal)
    started = true
    return await followCommand(running, {
      node,
      stdin: launched.stdin,
      hide: secretsToHide(options.secrets),
      maxOutputBytes,
      onLine: options.onLine,
      signal: stop.signal,
    })
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', cancel)
  }
}

function cancelled(node: string, reason: unknown): HomelabError {
  if (isHomelabError(reason)) return reason
  return new HomelabError('cancelled', `the command on ${node} was cancelled`, { cause: reason })
}

function tooSlow(node: string, argv: readonly string[], timeoutMs: number, started: boolean): HomelabError {
  const limit = `${timeoutMs / 1000} s`
  const message = started
    ? `${argv[0]} on ${node} did not end within ${limit} and was stopped`
    : `${argv[0]} could not be started on ${node} within ${limit}`
  return new HomelabError('timeout', message, { data: { node, started } })
}
