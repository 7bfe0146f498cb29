/**
 * A command that nobody attends, on a node or in a guest: community scripts, package managers. It goes on without us, is found
 * again by its key, and is ended when it asks a question, says nothing for too long or takes too long.
 */
import { isPassing, toldToStop } from '../backup/job/follow.ts'
import { patiently } from '../backup/patience.ts'
import { HomelabError, isHomelabError } from '../errors.ts'
import { duration } from '../operation/view.ts'
import type { Clock, ExecOptions, Shell } from '../ports.ts'
import { type Answer, answersEnv } from './unattended-guard.ts'
import { clearScript, followScript, startScript, stopScript } from './unattended-script.ts'

export interface UnattendedOptions {
  /** Letters, digits and `-`, of this command alone: who comes with the same key finds it running or ended. */
  readonly key: string
  readonly clock: Clock
  /** When it says that the run was cancelled or is out of time, the command is ended; a bot that shuts down leaves it. */
  readonly signal: AbortSignal
  /** Milliseconds from now in which it must end. */
  readonly limitMs: number
  /** Milliseconds without a word after which it is taken to wait for somebody. Default 15 minutes. */
  readonly idleMs?: number
  readonly env?: ExecOptions['env']
  readonly secrets?: ExecOptions['secrets']
  /** Only one at a time of this name on that machine: the next one waits. */
  readonly lock?: string
  /** What it prints, both streams, without colours. Each line once, also when the connection is lost meanwhile. */
  readonly onLine?: (line: string) => void
  /** To questions that are known to come. Any other one ends it. */
  readonly answers?: readonly Answer[]
  /** What errors call it. Default `It`. */
  readonly called?: string
  /** The next step when it asks. */
  readonly askedHint?: string
  /** Where its folder is made. Default `/var/lib/homelab/unattended`. */
  readonly directory?: string
}

export interface UnattendedEnd {
  readonly code: number
  /** The last lines. */
  readonly lines: readonly string[]
}

/** Lines that are kept for an error. */
const KEPT = 60
/** Milliseconds between two looks of the script that follows. */
const LOOK_MS = 300

// A `clear` in a script that ends at the first failure would end it on a terminal that cannot.
const plainEnv = { DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_MODE: 'a', TERM: 'linux' }

/**
 * From its beginning to its end. A code other than 0 is data. Its folder stays until `clearUnattended`.
 * @throws HomelabError `failed` with its question when it asks, or when it was killed; `timeout`; the signal's reason
 */
export async function runUnattended(
  shell: Shell,
  argv: readonly string[],
  options: UnattendedOptions,
): Promise<UnattendedEnd> {
  await startUnattended(shell, argv, options)
  return await followUnattended(shell, options)
}

/** Begins it, once for each key: under the same one it is sent again when a connection was cut, and under no other. */
export async function startUnattended(
  shell: Shell,
  argv: readonly string[],
  { key, env, secrets, lock, directory, signal, clock, answers = [] }: UnattendedOptions,
): Promise<void> {
  const command = [...script(startScript, key, directory), lock ?? '', ...argv]
  const send = () =>
    shell.exec(command, {
      env: { ...plainEnv, ...env, ...answersEnv(answers) },
      ...(secrets === undefined ? {} : { secrets }),
      signal,
    })
  const { code, stderr } = await patiently(send, { clock, signal, tries: 5 })
  if (code === 0) return
  throw new HomelabError('failed', `${argv[0] ?? 'The command'} could not be begun: ${stderr.trim()}`, {
    hint: 'It needs a root shell with setsid and flock, and room in /var/lib/homelab.',
    data: { code, stderr: stderr.trim() },
  })
}

/**
 * To its end, however long a connection is away meanwhile. When it ended by itself its folder stays, so that who comes again, because
 * this process died before its result was kept, finds the same end.
 * @throws as `runUnattended`
 */
export async function followUnattended(shell: Shell, options: UnattendedOptions): Promise<UnattendedEnd> {
  const { key, clock, signal, limitMs, idleMs = 900_000, secrets, onLine, directory, called = 'It' } = options
  const end = clock.monotonic() + limitMs
  const looks = String(Math.max(1, Math.round(idleMs / LOOK_MS)))
  const kept: string[] = []
  let told = 0
  for (let tries = 0; ; tries += 1) {
    let heard = 0
    const hear = (text: string) => {
      heard += 1
      if (heard <= told) return
      told = heard
      const line = plain(text)
      kept.push(line)
      if (kept.length > KEPT) kept.shift()
      onLine?.(line)
    }
    try {
      const { stderr } = await shell.exec([...script(followScript, key, directory), looks], {
        signal,
        timeoutMs: Math.max(1, end - clock.monotonic()),
        maxOutputBytes: 64 * 1024,
        ...(secrets === undefined ? {} : { secrets }),
        onLine: (line, stream) => stream === 'stdout' && hear(line),
      })
      return await over(shell, stderr.trim(), kept, options)
    } catch (error) {
      if (toldToStop(signal)) await tryToStop(shell, options)
      signal.throwIfAborted()
      if (clock.monotonic() >= end && isHomelabError(error) && error.code === 'timeout') {
        await tryToStop(shell, options)
        throw new HomelabError(
          'timeout',
          `${called} did not end within ${duration(limitMs)} and was stopped.`,
          {
            data: { log: [...kept] },
            cause: error,
          },
        )
      }
      if (!isPassing(error)) throw error
      await clock.sleep(tries < 3 ? 500 : 5_000, signal)
    }
  }
}

/** Removes the folder of one that ended, when its result is kept. What cannot be reached is left: its key is not used again. */
export async function clearUnattended(
  shell: Shell,
  { key, directory }: Pick<UnattendedOptions, 'key' | 'directory'>,
): Promise<void> {
  await shell.exec(script(clearScript, key, directory), { timeoutMs: 15_000 }).catch(() => undefined)
}

/**
 * Ends it with all that it has begun, and removes its folder: not before it has ended, because the folder is how it is found again.
 * @throws HomelabError `timeout` when it goes on; when its machine cannot be reached, as its shell does
 */
export async function stopUnattended(
  shell: Shell,
  options: Pick<UnattendedOptions, 'key' | 'directory' | 'called'>,
): Promise<void> {
  const { key, directory, called = 'It' } = options
  const { code, stderr } = await shell.exec(script(stopScript, key, directory), { timeoutMs: 20_000 })
  if (code !== 0)
    throw new HomelabError('timeout', `${called} was told to stop, and goes on.`, {
      hint: `On its machine as root: pkill -KILL -s "$(cut -d' ' -f1 ${folderOf(key, directory)}/pid)"`,
      data: { code, stderr: stderr.trim() },
    })
  await clearUnattended(shell, options)
}

/** What does not stop, or cannot be reached, is left with its folder: why it is stopped is what there is to say. */
async function tryToStop(shell: Shell, options: UnattendedOptions): Promise<void> {
  try {
    await stopUnattended(shell, options)
  } catch (error) {
    if (!isHomelabError(error)) throw error
  }
}

const folderOf = (key: string, directory = '/var/lib/homelab/unattended'): string => `${directory}/${key}`

async function over(
  shell: Shell,
  said: string,
  kept: readonly string[],
  options: UnattendedOptions,
): Promise<UnattendedEnd> {
  const { askedHint, idleMs = 900_000, called = 'It' } = options
  const [, how = '', rest = ''] = /^(\w+) ?([^\n]*)/.exec(said) ?? []
  if (how === 'rc') return { code: Number(rest), lines: kept }
  await tryToStop(shell, options)
  const data = { log: [...kept] }
  if (how === 'asks')
    throw new HomelabError(
      'failed',
      `${called} asks: "${rest.replaceAll(/\s+/g, ' ').trim()}". It was stopped.`,
      {
        hint: askedHint ?? 'Run it yourself in a terminal, where it can be answered.',
        data: { ...data, question: rest },
      },
    )
  if (how === 'idle')
    throw new HomelabError('failed', `${called} said nothing for ${duration(idleMs)} and was stopped.`, {
      hint: 'It may have waited for an answer: run it yourself in a terminal.',
      data,
    })
  if (how === 'gone')
    throw new HomelabError('failed', `${called} was killed, or its machine was restarted meanwhile.`, {
      hint: 'Look what it has done before it is run again.',
      data,
    })
  throw new HomelabError('failed', `Nothing is known of it: ${said || 'no word'}`, { data })
}

function script(text: string, key: string, directory: string | undefined): string[] {
  if (!/^[A-Za-z0-9-]{1,80}$/.test(key)) throw new HomelabError('bug', `"${key}" is no key of a command`)
  return ['sh', '-c', text, 'homelab', directory ?? '', key]
}

/** Without colours, and of a line that is drawn again and again its last state. */
const plain = (line: string): string =>
  line
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what colours are
    .replaceAll(/\u001b(\[[0-9;?]*[A-Za-z]|\][^\u0007]*\u0007|[()][A-Z0-9])/g, '')
    .split('\r')
    .findLast((part) => part.trim() !== '')
    ?.trimEnd() ?? ''
