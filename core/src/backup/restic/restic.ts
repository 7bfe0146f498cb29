/** Short commands of restic on the machine where a plan runs. What takes long is a job. */
import { z } from 'zod'
import { HomelabError, isHomelabError } from '../../errors.ts'
import type { ExecResult, Shell } from '../../ports.ts'
import type { Secret } from '../../secret.ts'
import { resticError, retryIn, type Trouble, troubleOf } from './errors.ts'
import { lockKeeper } from './lock-keeper.ts'
import { complaintsIn } from './said.ts'

/** Milliseconds. */
const timeoutMs = 300_000
/** A snapshot takes about 600 bytes in the list. */
const maxOutputBytes = 64 * 1024 * 1024

export const Snapshot = z.object({
  id: z.string(),
  time: z.string(),
  hostname: z.string().default(''),
  paths: z.array(z.string()).nullish(),
  tags: z.array(z.string()).nullish(),
  /** Of one that was copied from another repository: what it was called there. */
  original: z.string().optional(),
})
export type Snapshot = z.infer<typeof Snapshot>

export interface AnyTag {
  readonly any: readonly string[]
}

export interface ResticOptions {
  readonly shell: Shell
  /** A program, or a path. */
  readonly binary: string
  /** `RESTIC_REPOSITORY`, `RESTIC_PASSWORD` and what its backend needs. */
  readonly secrets: Readonly<Record<string, Secret>>
  /** As people call the repository. */
  readonly name: string
  /** Where it keeps its cache when nobody says so; a container's commands have no HOME. */
  readonly home?: string
}

export interface Restic {
  /**
   * The oldest first.
   * @param tags all of them must be there, or any of those under `any`
   * @param whole also fail when one could not be read: restic leaves it out and says so on the side
   */
  snapshots(
    tags?: readonly string[] | AnyTag,
    signal?: AbortSignal,
    whole?: boolean,
  ): Promise<readonly Snapshot[]>
  /** Makes the repository; fails when there is one. */
  init(signal?: AbortSignal): Promise<void>
  /** Those whose time is over by this policy, of the snapshots with these tags, as restic itself counts. Removes nothing. */
  expired(
    policy: readonly string[],
    tags: readonly string[],
    signal?: AbortSignal,
  ): Promise<readonly string[]>
  /** Removes these snapshots, and what only they needed. */
  forget(ids: readonly string[], signal?: AbortSignal): Promise<string>
  /** Reads one part of `of` of all that is stored. */
  check(
    part: number,
    of: number,
    signal?: AbortSignal,
  ): Promise<{ readonly sound: boolean; readonly said: string }>
  /** The content of one small file of a snapshot. */
  dump(snapshot: string, path: string, signal?: AbortSignal): Promise<string>
  /** Keeps a fact in the repository: a snapshot of a few bytes with these tags, on append-only ones too. */
  note(tags: readonly string[], signal?: AbortSignal): Promise<void>
  locks(signal?: AbortSignal): Promise<readonly Lock[]>
  /** Removes locks whose owner restic itself takes for gone. */
  unlock(signal?: AbortSignal): Promise<void>
  /** Bytes that are stored, all snapshots together. */
  stored(signal?: AbortSignal): Promise<number>
  run(args: readonly string[], signal?: AbortSignal, ms?: number, stdin?: string): Promise<ExecResult>
}

const Lock = z.object({
  time: z.string(),
  hostname: z.string().default(''),
  username: z.string().default(''),
  pid: z.number().default(0),
  exclusive: z.boolean().default(false),
})
export type Lock = z.infer<typeof Lock> & { readonly id: string }

export interface ResticRun {
  readonly signal?: AbortSignal | undefined
  /** Milliseconds. */
  readonly timeoutMs?: number | undefined
  readonly stdin?: string | undefined
  /** Of its output; what is handed on by `onLine` need not be kept. */
  readonly maxOutputBytes?: number
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr') => void
  /** A program and its first arguments, that runs restic. */
  readonly wrapper?: readonly string[]
}

/**
 * The one way in which restic is run outside of a job.
 * @throws HomelabError also when restic would try for a quarter of an hour what no time mends
 */
export async function runRestic(
  options: ResticOptions,
  args: readonly string[],
  run: ResticRun = {},
): Promise<ExecResult> {
  const result = await exec(options, args, run)
  if (result.code === 0 || troubleOf(result.code, result.stderr) !== 'cache') return result
  // Opening its cache is the first that it does, so nothing has been done when it ends by that: it goes without.
  return await exec(options, ['--no-cache', ...args], run)
}

async function exec(
  { shell, binary, secrets, name, home }: ResticOptions,
  args: readonly string[],
  { signal, timeoutMs: ms = timeoutMs, stdin, maxOutputBytes: most = maxOutputBytes, ...run }: ResticRun,
): Promise<ExecResult> {
  const hopeless = new AbortController()
  let last = ''
  try {
    return await shell.exec([...(run.wrapper ?? []), binary, ...args], {
      secrets,
      env: { RESTIC_PROGRESS_FPS: '0.1', ...(home === undefined ? {} : { HOME: home }) },
      timeoutMs: ms,
      maxOutputBytes: most,
      ...(stdin === undefined ? {} : { stdin }),
      signal: signal === undefined ? hopeless.signal : AbortSignal.any([signal, hopeless.signal]),
      onLine(line, stream) {
        run.onLine?.(line, stream)
        const retry = stream === 'stderr' ? retryIn(line) : undefined
        if (retry === undefined) return
        last = retry.why
        if (retry.hopeless) hopeless.abort(resticError(1, retry.why, name))
      },
    })
  } catch (error) {
    signal?.throwIfAborted()
    hopeless.signal.throwIfAborted()
    // What it waited for says more than that it took too long.
    if (last !== '' && isHomelabError(error) && error.code === 'timeout') throw resticError(1, last, name)
    throw error
  }
}

/** What it complained about; its output may be anything, the words of an error too. */
const saidBy = ({ stdout, stderr }: ExecResult): string => (stderr.trim() === '' ? stdout : stderr)

export function createRestic(options: ResticOptions): Restic {
  const { name } = options
  const run: Restic['run'] = (args, signal, ms, stdin) =>
    runRestic(options, args, { signal, timeoutMs: ms, stdin })
  const runLong = (
    args: readonly string[],
    signal: AbortSignal | undefined,
    ms: number,
  ): Promise<ExecResult> => runRestic(options, args, { signal, timeoutMs: ms, wrapper: lockKeeper })
  /** For what only reads. */
  const read: Restic['run'] = async (args, signal, ms) => {
    const result = await run(args, signal, ms)
    const said = result.code === 0 ? result.stderr : saidBy(result)
    // It may be a cache of ours that is cut.
    return troubleOf(result.code, said) === 'damaged'
      ? await run(['--no-cache', ...args], signal, ms)
      : result
  }
  async function ask(args: readonly string[], signal?: AbortSignal, ms?: number, how = run): Promise<string> {
    const result = await how(args, signal, ms)
    const { code, stdout, truncated } = result
    if (code !== 0) throw resticError(code, saidBy(result), name)
    if (truncated)
      throw new HomelabError('failed', `restic says more about ${name} than can be read at once.`)
    return stdout
  }
  return {
    run,
    async snapshots(tags = [], signal, whole = false) {
      const alternatives = 'any' in tags ? tags.any : tags.length === 0 ? [] : [tags.join(',')]
      const filter = alternatives.flatMap((one) => ['--tag', one])
      // Without a lock: it only looks, and must be able to beside a backup and on a read-only copy.
      const args = ['snapshots', '--json', '--no-lock', ...filter]
      const result = await read(args, signal)
      const { code, stdout: text, stderr, truncated } = result
      if (code !== 0) throw resticError(code, saidBy(result), name)
      if (truncated) throw new HomelabError('failed', `${name} has more snapshots than can be read at once.`)
      const unread = complaintsIn(stderr).some((one) =>
        /ignoring|could not|unable|failed|error/i.test(one.text),
      )
      if (whole && unread)
        throw new HomelabError('failed', `Some of what ${name} has cannot be read, so nothing is removed.`, {
          hint: 'Read it through first: `backup verify`.',
          data: { said: stderr.trim().slice(0, 500) },
        })
      const found = z.array(Snapshot).parse(jsonIn(text) ?? [])
      // Read once each, and not at every comparison: there may be thousands.
      const timed = found.map((snapshot) => ({ at: Date.parse(snapshot.time), snapshot }))
      return timed.toSorted((a, b) => a.at - b.at).map(({ snapshot }) => snapshot)
    },
    async init(signal) {
      await ask(['init'], signal)
    },
    async expired(policy, tags, signal) {
      const args = [
        'forget',
        '--json',
        '--dry-run',
        '--no-lock',
        '--group-by',
        '',
        '--tag',
        tags.join(','),
        ...policy,
      ]
      const groups = z.array(Group).parse(jsonIn(await ask(args, signal)) ?? [])
      return groups.flatMap(({ remove }) => (remove ?? []).map(({ id }) => id))
    },
    async forget(ids, signal) {
      const result = await runLong(['forget', '--prune', ...ids], signal, 6 * 3_600_000)
      if (result.code !== 0) throw resticError(result.code, saidBy(result), name)
      return result.stdout
    },
    async check(part, of, signal) {
      const args = ['check', `--read-data-subset=${part}/${of}`]
      const { code, stdout, stderr } = await runLong(args, signal, 24 * 3_600_000)
      const said = `${stdout}\n${stderr}`
      if (code === 0) return { sound: true, said }
      if (troubleOf(code, said) === 'damaged') return { sound: false, said }
      // It could not look, which is another thing than having found something.
      if (!/error|damaged|does not match|not found|ciphertext|pack/i.test(stderr) || isTrouble(code, said))
        throw resticError(code, said, name)
      return { sound: false, said }
    },
    async dump(snapshot, path, signal) {
      return await ask(['dump', '--no-lock', snapshot, path], signal, timeoutMs, read)
    },
    async note(tags, signal) {
      const tagged = ['--tag', tags.join(','), '--host', 'homelab']
      const args = ['backup', '--stdin', '--stdin-filename', 'note', ...tagged]
      // A snapshot of nothing is refused.
      const result = await run(args, signal, timeoutMs, `${tags.join('\n')}\n`)
      if (result.code !== 0) throw resticError(result.code, saidBy(result), name)
    },
    async locks(signal) {
      const ids = (await ask(['list', 'locks', '--no-lock'], signal))
        .split('\n')
        .filter((line) => /^[0-9a-f]{64}$/.test(line))
      const found: Lock[] = []
      for (const id of ids) {
        // One that is gone by now is none.
        const { code, stdout } = await run(['cat', 'lock', '--no-lock', id], signal)
        if (code === 0) found.push({ id, ...Lock.parse(jsonIn(stdout)) })
      }
      return found
    },
    async unlock(signal) {
      await ask(['unlock'], signal)
    },
    async stored(signal) {
      const text = await ask(['stats', '--json', '--no-lock', '--mode', 'raw-data'], signal, 1_800_000)
      return z.object({ total_size: z.number() }).parse(jsonIn(text)).total_size
    },
  }
}

const Group = z.object({ remove: z.array(z.object({ id: z.string() })).nullish() })

const isTrouble = (code: number | null, said: string): boolean => {
  const troubles: readonly Trouble[] = [
    ...(['locked', 'no-repository', 'wrong-password', 'refused', 'not-allowed'] as const),
    ...(['unreachable', 'cancelled', 'killed', 'missing', 'cap'] as const),
  ]
  return troubles.includes(troubleOf(code, said))
}

/** The JSON in it: old versions write lines of plain text before and after. */
function jsonIn(text: string): unknown {
  for (const line of [text, ...text.split('\n')]) {
    const trimmed = line.trim()
    if (!/^[[{n]/.test(trimmed)) continue
    try {
      return JSON.parse(trimmed)
    } catch {
      // Another line.
    }
  }
  return undefined
}
