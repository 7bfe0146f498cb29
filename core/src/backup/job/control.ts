/** Starting a job, looking how far it is, and asking it to end. Each is one command on the machine. */
import { HomelabError } from '../../errors.ts'
import type { ExecOptions, Shell } from '../../ports.ts'
import { resticError } from '../restic/errors.ts'
import type { JobBase, JobEnd, JobSecrets, JobState, Reason } from './types.ts'

/** Milliseconds. */
const timeout = { start: 60_000, look: 30_000 }
/** Bytes of what it said, at a time. */
const page = 262_144

const startScript = `
command -v "$4" >/dev/null || exit 72
umask 077
[ -d "\${1%/*}" ] && [ -d "\${2%/*}" ] || mkdir -p "\${1%/*}" "\${2%/*}"
mkdir "$1" || exit 73
cat >"$1/job" || exit 74
export -p >"$2" || exit 74
if [ -d /run/systemd/system ] && command -v systemd-run >/dev/null &&
  systemd-run --quiet --collect --unit="$3" -p KillSignal=SIGINT -p KillMode=mixed -p TimeoutStopSec=600 sh "$1/job" </dev/null >/dev/null 2>&1
then exit 0
fi
setsid sh "$1/job" </dev/null >/dev/null 2>&1 &
exit 0
`

/**
 * Starts it, detached from whoever asks: once only, also when it is asked for again.
 * @param text its script, see `jobText`
 * @throws HomelabError `config` without restic, `unclear` when it may have begun, whatever `Shell.exec` throws
 */
export async function startJob(
  shell: Shell,
  base: JobBase,
  text: string,
  secrets: JobSecrets,
  signal?: AbortSignal,
): Promise<void> {
  const unit = `homelab-${base.run}`
  const argv = ['sh', '-c', startScript, 'homelab', base.directory, base.environment, unit, base.restic]
  const { code, stderr } = await shell.exec(argv, {
    stdin: text,
    secrets,
    timeoutMs: timeout.start,
    ...(signal === undefined ? {} : { signal }),
  })
  // Its folder is there: somebody was here before, and `lookAtJob` says what became of it.
  if (code === 0 || code === 73) return
  if (code === 72) throw resticError(127, '', base.plan)
  throw new HomelabError(
    'failed',
    `The backup job could not be put on the machine: ${stderr.trim() || code}`,
    {
      hint: 'Is its disk full?',
    },
  )
}

const lookScript = `
cd "$1" 2>/dev/null || { echo absent; exit 0; }
if [ "$3" != 0 ] && [ -f pid ] && [ ! -f rc ]; then timeout "$3" flock -s alive true; fi
ended() {
  read -r end <rc
  echo "ended $end"
}
if [ -f rc ]; then ended
elif [ ! -f pid ]; then echo waiting
else
  read -r pid start boot <pid
  now=$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d' ' -f20)
  if [ "$boot" != "$(cat /proc/sys/kernel/random/boot_id)" ]; then echo lost rebooted
  elif [ "$start" = "$now" ]; then printf 'running %s\\n' "$(tail -c 1000 err 2>/dev/null | tail -n 1)"
  elif [ -f rc ]; then ended
  else echo lost same
  fi
fi
if [ -f out.jsonl ]; then tail -c "+$(($2 + 1))" out.jsonl | head -c ${page}; fi
`

export interface JobLook {
  readonly job: JobState
  /** Whole lines that it said after `from`. */
  readonly lines: readonly string[]
  /** Bytes: where to go on. */
  readonly next: number
  /** It has said more than one look takes. */
  readonly more: boolean
}

export interface LookOptions {
  /** Milliseconds for which it is waited there for the end of a job that runs: that is noticed at once. Default 0. */
  readonly waitMs?: number
  readonly signal?: AbortSignal
}

/** @param from bytes of what it said that are known */
export async function lookAtJob(
  shell: Shell,
  directory: string,
  from: number,
  { waitMs = 0, signal }: LookOptions = {},
): Promise<JobLook> {
  const args = [directory, String(from), String(Math.ceil(waitMs / 1_000))]
  const { stdout } = await ask(shell, lookScript, args, signal)
  const end = stdout.indexOf('\n')
  const said = stdout.slice(end + 1)
  const whole = said.slice(0, said.lastIndexOf('\n') + 1)
  return {
    job: stateOf(stdout.slice(0, end)),
    lines: whole.split('\n').filter((line) => line !== ''),
    next: from + new TextEncoder().encode(whole).length,
    more: new TextEncoder().encode(said).length >= page,
  }
}

function stateOf(line: string): JobState {
  const [word = '', first = '', stage = '', reason = '-'] = line.split(' ')
  if (word === 'absent' || word === 'waiting') return { state: word }
  const complaint = line.slice(word.length).trim()
  if (word === 'running') return { state: word, ...(complaint === '' ? {} : { complaint }) }
  if (word === 'lost') return { state: 'lost', rebooted: first === 'rebooted' }
  if (word !== 'ended' || !/^\d+$/.test(first))
    throw new HomelabError('failed', `The folder of the backup job holds what it should not: ${line}`)
  const end: JobEnd = {
    code: Number(first),
    stage,
    ...(reason === '-' ? {} : { reason: reason as Reason }),
  }
  return { state: 'ended', end }
}

/** Its folder, and where its secrets wait until it begins: of one that never did, they still lie there. */
export type JobPlace = Pick<JobBase, 'directory' | 'environment'>

/**
 * Moves the folder of a job that has not begun out of its way, so that it never will.
 * @returns whether that is so: when it has begun meanwhile, it is not
 */
export async function voidJob(
  shell: Shell,
  { directory, environment }: JobPlace,
  signal?: AbortSignal,
): Promise<boolean> {
  const script = `
[ -d "$1" ] || { rm -f "$2"; exit 0; }
if ! mkdir "$1/begun" 2>/dev/null; then
  # Begun, and dead before it could say so: a full disk, or a machine that went down.
  [ ! -f "$1/pid" ] && [ -n "$(find "$1/begun" -prune -mmin +1 2>/dev/null)" ] || exit 1
fi
rm -rf "$1" "$2"
`
  return (await ask(shell, script, [directory, environment], signal, true)).code === 0
}

/**
 * Asks it to end: it gives restic a SIGINT, so that no lock stays, and goes on until it says that it has ended.
 * SIGTERM for the job itself, because a shell that was put in the background is deaf to SIGINT.
 */
export async function cancelJob(shell: Shell, directory: string, signal?: AbortSignal): Promise<void> {
  const script = `
cd "$1" 2>/dev/null && [ -f pid ] && [ ! -f rc ] || exit 0
read -r pid start boot <pid
[ "$boot" = "$(cat /proc/sys/kernel/random/boot_id)" ] || exit 0
[ "$start" = "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d' ' -f20)" ] || exit 0
kill -TERM "$pid"
`
  await ask(shell, script, [directory], signal, true)
}

/** The last of what its programs complained about. */
export async function complaints(
  shell: Shell,
  directory: string,
  signal?: AbortSignal,
  bytes = 4_000,
): Promise<string> {
  const script = `cd "$1" 2>/dev/null || exit 0; cat hooks err 2>/dev/null | tail -c "$2"`
  return (await ask(shell, script, [directory, String(bytes)], signal)).stdout.trim()
}

/** Removes what an ended job leaves; the folder of one that still runs stays. */
export async function clearJob(shell: Shell, directory: string, signal?: AbortSignal): Promise<void> {
  await ask(shell, `[ ! -f "$1/rc" ] || rm -rf "$1"`, [directory], signal)
}

/** The same of a job that is lost, and so says nothing of its end. */
export async function clearLostJob(
  shell: Shell,
  { directory, environment }: JobPlace,
  signal?: AbortSignal,
): Promise<void> {
  await ask(shell, `rm -rf "$1" "$2"`, [directory, environment], signal)
}

async function ask(
  shell: Shell,
  script: string,
  args: readonly string[],
  signal?: AbortSignal,
  anyCode = false,
) {
  const options: ExecOptions = {
    timeoutMs: timeout.look,
    maxOutputBytes: 2 * page,
    ...(signal === undefined ? {} : { signal }),
  }
  const result = await shell.exec(['sh', '-c', script, 'homelab', ...args], options)
  if (result.code === 0 || anyCode) return result
  throw new HomelabError('failed', `The backup job could not be looked at: ${result.stderr.trim()}`)
}
