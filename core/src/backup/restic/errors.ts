/** What restic means by an exit code, in every version from 0.14 to 0.19, and what to do about it. */
import { type ErrorCode, HomelabError, isHomelabError } from '../../errors.ts'
import { complaintsIn, isRot, retriedFor, wordsOf } from './said.ts'

/**
 * `partial`: a snapshot was saved, and something is missing in it. `damaged`: what is stored is not what was stored once, which
 * is the only one that the repository itself can be blamed for.
 */
export type Trouble =
  | 'damaged'
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
  | 'killed'
  | 'missing'
  | 'cache'
  | 'unknown'

/**
 * Until 0.16 every failure is 1: there the words decide. What is not known is a failure all the same.
 * @see https://restic.readthedocs.io/en/stable/075_scripting.html
 */
export function troubleOf(code: number | null, said: string): Trouble {
  const complaints = complaintsIn(said).map(({ text }) => text)
  // Before all else: a repository that rots must never look like one that is only away.
  if (complaints.some(isRot)) return 'damaged'
  const words = complaints.map(wordsOf).join('\n')
  const retried = said.split('\n').flatMap((line) => retriedFor(line) ?? [])
  const inVain = retried.filter(isHopeless).map(wordsOf).join('\n')
  // An S3 whose keys are wrong has no repository for restic, which it would offer to make.
  if (refusedKeys.test(words) || refusedKeys.test(inVain)) return 'refused'
  if (code === 3) return 'partial'
  if (code === 10) return 'no-repository'
  if (code === 11) return 'locked'
  if (code === 12) return 'wrong-password'
  // Who follows a job ends a restic that tries in vain, so that a signal is only how that came to its end.
  const vain = troubleIn(inVain)
  if (code === 130 || code === 143) return vain ?? 'cancelled'
  if (code === 137) return vain ?? 'killed'
  if (code === 127 || code === 126) return 'missing'
  // What it has tried again since is over, unless it has said nothing after it.
  const last = complaints.length === 0 ? wordsOf(retried.at(-1) ?? '') : ''
  return troubleIn(words) ?? vain ?? troubleIn(last) ?? 'unknown'
}

/** Of a restic in a job, which says by itself when it was told to end: a signal is somebody else's. In words only, a failure is 1. */
export const exitInJob = (code: unknown): number =>
  code === 130 || code === 143 ? 137 : typeof code === 'number' && code !== 0 ? code : 1

const troubleIn = (said: string): Trouble | undefined => words.find(([, pattern]) => pattern.test(said))?.[0]

/** As Amazon, Backblaze and those who imitate them say it. */
const refusedKeys =
  /access key id you provided|invalidaccesskeyid|malformed access key|signature we calculated|signaturedoesnotmatch|signature validation failed/i

/** Why it tries again, when the line says so. `hopeless`: time will not mend it. */
export function retryIn(line: string): { readonly why: string; readonly hopeless: boolean } | undefined {
  const why = retriedFor(line)
  return why === undefined ? undefined : { why, hopeless: isHopeless(why) }
}

const isHopeless = (why: string): boolean => refusedKeys.test(why) || noBucket.test(why)

const noBucket = /specified bucket does not exist|nosuchbucket|bucket does not exist/i

/** In this order: a full disk may be reported by a repository that cannot be locked for it. */
const words: readonly (readonly [Trouble, RegExp])[] = [
  // 0.19 ends where older ones go on without: this is the last thing that it says, and not the warning before it.
  ['cache', /^strconv\.ParseUint: parsing "": invalid syntax\nreadVersion$/m],
  ['cap', /cap exceeded|cap_exceeded|transaction cap|storage cap|usage cap/i],
  ['no-space', /no space left on device|disk quota exceeded|insufficient storage|\(507\)/i],
  ['wrong-password', /wrong password or no key found|an empty password is not/i],
  [
    'no-repository',
    /bucket does not exist|nosuchbucket|is there a repository at the following location|repository does not exist|config file does not exist|unable to open config file/i,
  ],
  ['locked', /repository is already locked|unable to create lock in backend/i],
  [
    'not-allowed',
    /\w: 403: |\(403\)|403 forbidden|access denied|accessdenied|forbidden|permission denied|not entitled/i,
  ],
  [
    'unreachable',
    /connection (?:refused|reset|closed|timed out)|no such host|network is unreachable|no route to host|broken pipe|timeout|timed out|deadline exceeded|could not resolve|name resolution|server misbehaving|\btls\b|x509|certificate|bad gateway|service unavailable|\(50[234]\)|slow ?down|reduce your request rate/i,
  ],
]

interface Meaning {
  readonly code: ErrorCode
  readonly text: (repository: string) => string
  readonly hint?: string
}

const meanings: Readonly<Record<Trouble, Meaning>> = {
  damaged: {
    code: 'failed',
    text: (name) => `Some of what ${name} holds is damaged or gone.`,
    hint: '`backup verify <repository>` reads it through. Keep everything that is there until you know what is hit.',
  },
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
  killed: {
    code: 'failed',
    text: (name) => `restic was killed while it worked on ${name}.`,
    hint: 'The kernel does that when memory runs out, which `journalctl -k` there says; or somebody ended it.',
  },
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
    owner !== undefined
      ? ` It is ${owner}.`
      : (trouble === 'unknown' || trouble === 'damaged') && words !== ''
        ? ` ${words}`
        : ''
  return new HomelabError(kind, `${text(repository)}${about}`, {
    ...(hint === undefined ? {} : { hint }),
    data: { exit: code, trouble, said: words },
  })
}

export const isDamage = (error: unknown): boolean =>
  isHomelabError(error) && error.data?.trouble === ('damaged' satisfies Trouble)

/** Of rot its own line, of anything else the last one. */
function lastWords(said: string): string {
  const all = complaintsIn(said)
  const { text, item } = all.find((one) => isRot(one.text)) ?? all.at(-1) ?? { text: '' }
  return `${item === undefined ? '' : `${item}: `}${text}`.trim().slice(0, 500)
}
