/**
 * Commands that take hours (reading a repository, removing snapshots from it) as jobs of their own on the machine: core runs
 * them as any other command, and here nobody has to stay with them.
 */
import { type Clock, type ExecOptions, type ExecResult, HomelabError, type Shell } from '@homelab/core'
import {
  clearJob,
  followJob,
  type JobBase,
  jobText,
  patiently,
  randomName,
  startJob,
} from '@homelab/core/backup'
import { quoteWord } from '@homelab/core/shell'
import { type Journal, Left } from '../run.ts'

/** Milliseconds: what may take longer than this is not waited for in a connection. */
const long = 3_600_000
/** Bytes of each stream that are kept. */
const kept = 1_000_000

/** Where jobs keep their state on a machine. */
export interface Folders {
  readonly home: string
  readonly memory: string
}

/** As core's own jobs have them. @param jobs the folder that was chosen for them, if any */
export function foldersOf(jobs = ''): Folders {
  const folder = jobs.trim()
  return folder === ''
    ? { home: '/var/lib/homelab', memory: '/run/homelab' }
    : { home: folder, memory: `${folder}/secrets` }
}

export interface LongCommands {
  /** The same shell, with long commands as jobs in these folders. */
  around(shell: Shell, folders: Folders): Shell
  /** Of those that were begun, for the id of the job. */
  readonly journal: Journal
  /** Stays with those that were begun and that nobody has asked for again: what they were for is done, and they are not over. */
  settle(): Promise<void>
}

export interface LongOptions {
  readonly journal: Journal
  /** Only one command of each name is at work on a machine. */
  readonly name: string
  readonly restic: string
  readonly clock: Clock
  /** Made when a command is followed. Aborted, it is left; with a HomelabError `cancelled` it is ended. */
  readonly lateness: () => AbortSignal
}

interface Machine {
  readonly shell: Shell
  readonly folders: Folders
}

export function longCommands({ journal, name, restic, clock, lateness }: LongOptions): LongCommands {
  const begun: Record<string, string> = {}
  for (const [key, run] of Object.entries(journal))
    if (key.startsWith('command ') && typeof run === 'string') begun[key] = run
  const asked = new Set<string>()
  let last: Machine | undefined

  const baseOf = ({ folders }: Machine, run: string, secrets: readonly string[] = []): JobBase => ({
    directory: `${folders.home}/jobs/${run}`,
    environment: `${folders.memory}/${run}`,
    lock: `${folders.home}/locks/${name}.command`,
    plan: name,
    run,
    host: 'n8n',
    restic,
    secrets,
    before: [],
    after: [],
  })

  /** @throws HomelabError `conflict` when another one was at work there */
  async function ended(machine: Machine, run: string): Promise<void> {
    const { shell } = machine
    const { directory, environment } = baseOf(machine, run)
    const late = lateness()
    try {
      const job = { shell, directory, environment, clock, signal: late, onLines() {}, onAway() {} }
      const over = await followJob(job)
      if (over.state !== 'ended' || over.end.reason !== 'busy') return
      await clearJob(shell, directory)
      throw new HomelabError('conflict', `Another command for ${name} is still at work there.`, {
        hint: 'Wait until it has ended, then start this one again.',
      })
    } catch (error) {
      if (late.aborted && error === late.reason && !(error instanceof HomelabError)) throw new Left(run)
      throw error
    }
  }

  async function exec(machine: Machine, argv: readonly string[], options: ExecOptions): Promise<ExecResult> {
    const { shell } = machine
    const key = `command ${asked.size}`
    asked.add(key)
    const secrets = options.secrets ?? {}
    const run = begun[key] ?? randomName()
    const base = baseOf(machine, run, Object.keys(secrets))
    if (begun[key] === undefined) {
      await startJob(shell, base, jobText(base, workOf(argv)), secrets, options.signal)
      begun[key] = run
    }
    await ended(machine, run)
    // A connection that is cut now costs another look, and not what has been done.
    const patience = { clock, signal: options.signal ?? new AbortController().signal, tries: 4 }
    const result = await patiently(() => resultOf(shell, base.directory), patience)
    await patiently(() => clearJob(shell, base.directory), patience)
    return result
  }

  return {
    around(shell, folders) {
      const machine = { shell, folders }
      last = machine
      return {
        exec: (argv, options = {}) =>
          (options.timeoutMs ?? 0) >= long ? exec(machine, argv, options) : shell.exec(argv, options),
      }
    },
    get journal() {
      return begun
    },
    async settle() {
      for (const [key, run] of Object.entries(begun)) {
        if (asked.has(key) || last === undefined) continue
        await ended(last, run)
        await clearJob(last.shell, baseOf(last, run).directory)
      }
    },
  }
}

/** TERM, because what a shell has put in the background is deaf to INT; core's own wrapper makes an INT of it for restic. */
const workOf = (argv: readonly string[]): string =>
  [
    'step command',
    `run TERM ${argv.map(quoteWord).join(' ')} >"$HL_DIR/stdout" 2>"$HL_DIR/stderr" </dev/null`,
    'echo "$?" >"$HL_DIR/code"',
    'check',
    'step done',
  ].join('\n')

const readScript = `
cd "$1" || exit 1
cat code 2>/dev/null || echo none
tail -c "$2" stdout 2>/dev/null
tail -c "$2" stderr >&2 2>/dev/null
`

/** @throws HomelabError `failed` when nobody knows how it ended */
async function resultOf(shell: Shell, directory: string): Promise<ExecResult> {
  const argv = ['sh', '-c', readScript, 'homelab', directory, String(kept)]
  const { stdout, stderr, truncated } = await shell.exec(argv, { maxOutputBytes: 3 * kept })
  const end = stdout.indexOf('\n')
  const code = stdout.slice(0, end)
  if (/^\d+$/.test(code)) return { code: Number(code), stdout: stdout.slice(end + 1), stderr, truncated }
  throw new HomelabError(
    'failed',
    'The command is gone without a word: its machine was started anew, perhaps.',
    {
      hint: 'Start it again.',
      data: { log: stderr.split('\n').slice(-10) },
    },
  )
}
