/** What restic means by an exit code, in every version from 0.14 to 0.19, and what to do about it. */
import { type ErrorCode, HomelabError } from '../../errors.ts'

/** `partial`: a snapshot was saved, and something is missing in it. */
export type Trouble =
  | 'partial'
  | 'no-repository'
  | 'locked'
  | 'wrong-password'
  | 'no-space'
  | 'cap'
  | 'refused'
  | 'not-allowed'
  | 'unreachable'
  | 'cancelled'
  | 'missing'
  | 'cache'
  | 'unknown'

/**
 * Until 0.16 every failure is 1: there the words decide. What is not known is a failure all the same.
 * @see https://restic.readthedocs.io/en/stable/075_scripting.html
 */
export function troubleOf(code: number | null, said: string): Trouble {
  // An S3 whose keys are wrong has no repository for restic, which it would offer to make.
  if (refusedKeys.test(said)) return 'refused'
  if (code === 3) return 'partial'
  if (code === 10) return 'no-repository'
  if (code === 11) return 'locked'
  if (code === 12) return 'wrong-password'
  if (code === 130 || code === 143) return 'cancelled'
  if (code === 127 || code === 126) return 'missing'
  return words.find(([, pattern]) => pattern.test(said))?.[0] ?? 'unknown'
}

/** As Amazon, Backblaze and those who imitate them say it. */
const refusedKeys =
  /access key id you provided|invalidaccesskeyid|malformed access key|signature we calculated|signaturedoesnotmatch|signature validation failed/i

/** A line of restic that says that it tries the same again, after longer pauses each time, for up to a quarter of an hour. */
const retrying = / returned error, retrying after \S+: (.*)/

/** Why it tries again, when the line says so. `hopeless`: time will not mend it. */
export function retryIn(line: string): { readonly why: string; readonly hopeless: boolean } | undefined {
  const why = retrying.exec(line)?.[1]
  if (why === undefined) return undefined
  return { why, hopeless: refusedKeys.test(why) || noBucket.test(why) }
}

const noBucket = /specified bucket does not exist|nosuchbucket|bucket does not exist/i

/** In this order: a full disk may be reported by a repository that cannot be locked for it. */
const words: readonly (readonly [Trouble, RegExp])[] = [
  // 0.19 gives up where older ones went on without.
  ['cache', /unable to open cache: (?:readVersion: )+strconv/],
  ['cap', /cap exceeded|cap_exceeded|transaction cap|storage cap|usage cap/i],
  ['no-space', /no space left on device|disk quota exceeded|insufficient storage|\b507\b/i],
  ['wrong-password', /wrong password or no key found/i],
  [
    'no-repository',
    /bucket does not exist|nosuchbucket|is there a repository at the following location|repository does not exist|config file does not exist|unable to open config file/i,
  ],
  ['locked', /repository is already locked|unable to create lock in backend/i],
  ['not-allowed', /\b403\b|access denied|accessdenied|forbidden|permission denied|not entitled/i],
  [
    'unreachable',
    /connection refused|no such host|network is unreachable|i\/o timeout|timeout|connection reset|no route to host|tls|certificate/i,
  ],
]

interface Meaning {
  readonly code: ErrorCode
  readonly text: (repository: string) => string
  readonly hint?: string
}

const meanings: Readonly<Record<Trouble, Meaning>> = {
  partial: {
    code: 'failed',
    text: (name) =>
      `Some of the files could not be read, so that the snapshot in ${name} is not whole. It does not count.`,
    hint: 'The log names them: mend their rights, or leave them out by `exclude`.',
  },
  'no-repository': {
    code: 'not-found',
    text: (name) => `There is no repository in ${name}.`,
    hint: 'Is it mounted, and is its address right? To make a new one: `backup run <plan> init:true`.',
  },
  locked: {
    code: 'locked',
    text: (name) => `Another restic holds the lock of ${name}.`,
    hint: '`backup unlock` shows whose it is, and removes it when its owner is surely gone.',
  },
  'wrong-password': {
    code: 'unauthorised',
    text: (name) => `The password does not open ${name}.`,
    hint: 'Look at `password` of the repository in homelab.yaml. Without the right one nothing in it can be read by anybody.',
  },
  'no-space': {
    code: 'failed',
    text: (name) => `There is no room left in ${name}.`,
    hint: '`backup prune <plan>` removes what need not be kept.',
  },
  cap: {
    code: 'failed',
    text: (name) => `The spending cap of ${name} is reached: it takes nothing, not even a deletion.`,
    hint: 'Raise the cap in the account, or wait until it is counted anew at midnight UTC.',
  },
  refused: {
    code: 'unauthorised',
    text: (name) => `${name} does not know the keys.`,
    hint: 'Look at `env` of the repository in homelab.yaml, and for a drill at its `recovery`: a key may be mistyped, deleted, or of another bucket.',
  },
  'not-allowed': {
    code: 'unauthorised',
    text: (name) => `The keys may not do this in ${name}.`,
    hint: 'An append-only key cannot delete: say `append_only: true` of the repository.',
  },
  unreachable: {
    code: 'unreachable',
    text: (name) => `${name} does not answer.`,
    hint: 'It is tried again with the next run; `backup run <plan>` does it now.',
  },
  cancelled: { code: 'cancelled', text: () => 'It was cancelled.' },
  missing: {
    code: 'config',
    text: () => 'restic is not installed where the plan runs.',
    hint: '`apt-get install restic` there, or say where it is with `binary` of the repository.',
  },
  cache: {
    code: 'failed',
    text: (name) =>
      `restic’s cache of ${name} is half made: by another one at this moment, or before a crash.`,
    hint: 'Run it again. If it stays so, remove the folder `.cache/restic` of root there: it is made anew.',
  },
  unknown: { code: 'failed', text: (name) => `restic failed on ${name}.` },
}

/** @param said what it wrote, secrets taken out */
export function resticError(code: number | null, said: string, repository: string): HomelabError {
  const trouble = troubleOf(code, said)
  const { code: kind, text, hint } = meanings[trouble]
  const words = lastWords(said)
  const owner = trouble === 'locked' ? / by (PID \d+ on \S+)/.exec(said)?.[1] : undefined
  const about =
    owner !== undefined ? ` It is ${owner}.` : trouble === 'unknown' && words !== '' ? ` ${words}` : ''
  return new HomelabError(kind, `${text(repository)}${about}`, {
    ...(hint === undefined ? {} : { hint }),
    data: { exit: code, trouble, said: words },
  })
}

/** The last line of what it complained about; newer versions say it in JSON. */
function lastWords(said: string): string {
  const line = said.trim().split('\n').at(-1) ?? ''
  try {
    const parsed = JSON.parse(line) as { readonly message?: unknown }
    if (typeof parsed.message === 'string') return parsed.message.slice(0, 500)
  } catch {
    // Plain text, as older versions write it.
  }
  return line.slice(0, 500)
}
