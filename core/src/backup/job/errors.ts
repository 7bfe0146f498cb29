/** Why a backup job ended, in words, and what to do now. */
import { type ErrorCode, HomelabError } from '../../errors.ts'
import { duration } from '../../operation/view.ts'
import type { Said } from '../events.ts'
import { exitInJob, resticError } from '../restic/errors.ts'
import type { JobEnd, JobSpec, Reason } from './types.ts'

export interface Failure {
  readonly spec: JobSpec
  readonly end: JobEnd
  readonly said: Said
  /** What its programs wrote, secrets taken out. */
  readonly complaints: string
  /** Where it ran, for people. */
  readonly where: string
  readonly repository: string
}

type Words = (failure: Failure) => { readonly code: ErrorCode; readonly text: string; readonly hint?: string }

const fixed =
  (code: ErrorCode, text: string, hint?: string): Words =>
  () => ({ code, text, ...(hint === undefined ? {} : { hint }) })

const sourceOf = ({ spec: { source }, said }: Failure): string =>
  (source.kind === 'files' ? source.paths[said.source ?? 0] : undefined) ?? 'A source'

type Hook = Said['hooks'][number]

const hookOf = ({ spec, said }: Failure, hook: Hook | undefined = said.hooks.at(-1)): string => {
  const argv =
    hook === undefined ? undefined : (hook.which === 'after' ? spec.after : spec.before)[hook.index]
  return argv === undefined ? 'A command' : `\`${commandText(argv)}\` (exit ${hook?.code})`
}

/** As people know it: of a script of ours, the comment that it begins with. */
export function commandText(argv: readonly string[]): string {
  const [shell, option, script = ''] = argv
  const name = shell === 'sh' && option === '-c' ? /^# (.+)\n/.exec(script)?.[1] : undefined
  return name === undefined ? argv.join(' ') : `${name} ${argv.slice(4).join(' ')}`
}

/** @param holder its process, which a person can end */
export function busyWords(
  what: string,
  holder: Said['holder'],
): { readonly text: string; readonly hint: string } {
  const wait = 'Wait until it has ended: `run list` has it when this bot began it.'
  if (holder === undefined) return { text: `${what}.`, hint: wait }
  const { pid, seconds } = holder
  return {
    text: `${what}, as process ${pid} for ${duration(seconds * 1000)}.`,
    hint: `${wait} One that hangs ends, and tidies up, by \`kill ${pid}\` there.`,
  }
}

/** Both programs and shells say it so. */
const isFull = ({ complaints }: Failure): boolean =>
  /no space left on device|disk quota exceeded/i.test(complaints)

const words: Readonly<Record<Reason, Words>> = {
  cancelled: ({ end: { stage } }) => ({
    code: 'cancelled',
    text: ['after', 'read-back', 'prove'].includes(stage)
      ? 'It was cancelled when it was saved and not yet proven: it does not count.'
      : 'It was cancelled. Nothing half was left.',
  }),
  busy: ({ spec, said, where }) => ({
    code: 'conflict',
    ...busyWords(`Another backup of the plan ${spec.plan} is running on ${where}`, said.holder),
  }),
  saved: ({ spec }) => ({
    code: 'conflict',
    text: `Another one has saved ${spec.plan} since it was due.`,
    hint: '`backup list` has it.',
  }),
  before: (failure) => ({
    code: 'failed',
    text: `${hookOf(failure)} failed before the backup, so it was not begun.`,
    hint: 'Its output is in the log.',
  }),
  after: (failure) => ({
    code: 'failed',
    text: `The backup is good, but ${hookOf(failure)} failed after it: something may still be stopped.`,
    hint: 'Look at `status`, and start it by hand.',
  }),
  disk: ({ where }) => ({
    code: 'failed',
    text: `${where} has no room to work in.`,
    hint: 'Free some, or point `staging` of the plan to a disk with room for a whole dump.',
  }),
  'no-room': ({ spec: { source }, where }) => ({
    code: 'failed',
    text: `${source.kind === 'postgres' ? source.staging : 'The staging'} on ${where} has no room for the dumps of all databases. Nothing was begun.`,
    hint: 'Free some, point `staging` of the plan to another disk, or make a plan for each large database: one alone is streamed past the staging.',
  }),
  'stream-one': fixed(
    'config',
    'A plan that streams has one database, and this one has several.',
    'Make a plan for each, with `databases: [name]`, or take `stream` out of it.',
  ),
  'no-flock': fixed(
    'config',
    'flock is not installed where the plan runs.',
    '`apt-get install util-linux` there.',
  ),
  'no-restic': ({ where }) => ({
    code: 'config',
    text: `restic is not installed on ${where}.`,
    hint: '`apt-get install restic` there, or say where it is with `binary` of the repository.',
  }),
  'no-pg_dump': ({ where }) => ({
    code: 'config',
    text: `pg_dump and psql are not installed on ${where}.`,
    hint: '`apt-get install postgresql-client` there, of the version of the server or newer.',
  }),
  'no-user': ({ spec, where }) => ({
    code: 'config',
    text: `There is no user ${spec.source.kind === 'postgres' ? spec.source.user : ''} on ${where}.`,
    hint: 'Say with `user` of the plan as whom pg_dump may look at everything.',
  }),
  staging: ({ spec: { source } }) => ({
    code: 'config',
    text: source.kind === 'postgres' ? `${source.user} cannot get into ${source.staging}.` : '',
    hint: 'Every folder above it must let that user through: `chmod o+x`, or another `staging` in the plan.',
  }),
  foreign: ({ spec: { source, plan } }) => ({
    code: 'config',
    text:
      source.kind === 'postgres' ? `${source.staging} has something called ${plan} that no backup made.` : '',
    hint: 'It was left alone. Point `staging` of the plan to a folder of its own.',
  }),
  'no-databases': fixed('failed', 'The server has no database to dump.', 'Is this the right one?'),
  'source-link': (failure) => ({
    code: 'config',
    text: `${sourceOf(failure)} is a link: only the link would be saved, and nothing of what it leads to.`,
    hint: 'Write in the plan where it leads; `readlink -f` there says it.',
  }),
  'source-missing': (failure) => ({
    code: 'failed',
    text: `${sourceOf(failure)} is not there, so nothing was backed up.`,
    hint: 'Is its disk mounted? Then run it again.',
  }),
  'source-empty': (failure) => ({
    code: 'failed',
    text: `${sourceOf(failure)} is empty, so nothing was backed up: an unmounted disk looks like that.`,
    hint: 'Mount it and run it again; take the path out of the plan if it is meant to be empty.',
  }),
  postgres: fixed(
    'failed',
    'PostgreSQL does not answer.',
    'Is it running, and may the user of the plan connect?',
  ),
  globals: fixed(
    'failed',
    'The roles could not be dumped.',
    'The user of the plan must be a superuser of the server.',
  ),
  dump: (failure) => ({
    code: 'failed',
    text: `Database number ${failure.said.database ?? '?'} could not be dumped whole${isFull(failure) ? ': there is no room where it is staged' : ''}. What there was of it is thrown away.`,
    hint: isFull(failure)
      ? 'Free some, or point `staging` of the plan to a disk with room for a whole dump.'
      : 'Its own words are in the log.',
  }),
  unreadable: fixed(
    'failed',
    'The dump cannot be read to its end. It is thrown away.',
    'Run it again; if it stays so, look at the disk.',
  ),
  restic: ({ said, complaints, repository }) => {
    const error = resticError(exitInJob(said.exit), complaints, repository)
    return {
      code: error.code,
      text: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    }
  },
  partial: ({ complaints, repository }) => {
    const error = resticError(3, complaints, repository)
    return {
      code: error.code,
      text: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    }
  },
  'no-snapshot': fixed(
    'failed',
    'restic says that it is done, and of which snapshot it does not say.',
    'The log has what it said.',
  ),
  mismatch: fixed(
    'failed',
    'The snapshot does not hold what was to be saved. It does not count.',
    'Run it again.',
  ),
  'read-back': (failure) => {
    const { text, ...rest } = words.restic(failure)
    return {
      ...rest,
      text: `It is saved, but could not be read back out of the repository, and does not count: ${text}`,
    }
  },
  proof: (failure) => {
    const { text, ...rest } = words.restic(failure)
    return { ...rest, text: `It is saved, but not proven, and does not count: ${text}` }
  },
}

export function jobError(failure: Failure): HomelabError {
  const { end, complaints, said } = failure
  const found = end.reason === undefined ? undefined : words[end.reason]
  const { code, text, hint } = found?.(failure) ?? {
    code: 'failed' as const,
    text: `The backup job ended with ${end.code} while ${end.stage}.`,
    hint: undefined,
  }
  // A backup that failed for another reason may have left something stopped as well.
  const stopped = end.reason === 'after' ? [] : said.hooks.filter(({ which }) => which === 'after')
  const names = stopped.map((hook) => hookOf(failure, hook))
  const also =
    names.length === 0
      ? ''
      : ` Besides, ${names.join(' and ')} failed after it: something may still be stopped.`
  return new HomelabError(code, `${text}${also}`, {
    ...(hint === undefined ? {} : { hint }),
    data: { ...end, log: complaints === '' ? [] : complaints.split('\n').slice(-15) },
  })
}
