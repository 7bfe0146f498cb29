/** Why a restore or a drill ended, in words, and what to do now. */
import { bytes } from '../operation/view.ts'
import type { Fact, Words } from './detached.ts'
import { busyWords } from './job/errors.ts'
import { exitInJob, resticError, type Trouble, troubleOf } from './restic/errors.ts'
import { complaintsIn, isRot } from './restic/said.ts'

export interface Context {
  /** `restore`, `drill`. */
  readonly what: 'restore' | 'drill'
  readonly plan: string
  /** Where it ran, for people. */
  readonly where: string
  readonly repository: string
  /** The snapshot that a drill has tried. */
  readonly of?: string
}

const untouched = 'What is live was not touched.'
/** For a job of which nobody knows how far it came. */
const again = {
  restore: 'Run it again. With `inplace`, some files may be the restored ones already.',
  drill: `${untouched} What it left is removed by a drill that begins a day later, on a storage of archives four.`,
}

export const wordsFor =
  ({ what, plan, where, repository, of }: Context) =>
  (reason: string, complaints: string, facts: readonly Fact[]): Words => {
    const tried = of === undefined ? {} : { of }
    if (reason === 'restic') {
      const exit = exitInJob(facts.findLast(({ homelab }) => homelab === 'exit')?.code)
      const { code, message, hint } = resticError(exit, complaints, repository)
      const data = { ...tried, ...rotten(complaints), trouble: troubleOf(exit, complaints) }
      return { code, text: message, data, ...(hint === undefined ? {} : { hint }) }
    }
    const stream = ['restore', 'unreadable', 'make'].includes(reason)
      ? troubleInStream(complaints)
      : undefined
    const elsewhere = stream === undefined ? isElsewhere(reason, complaints) : stream !== 'damaged'
    const found: Readonly<Record<string, Omit<Words, 'code'> & { readonly code?: Words['code'] }>> = {
      cancelled: { code: 'cancelled', text: `It was cancelled. Nothing half was left.` },
      busy: {
        code: 'conflict',
        ...busyWords(
          `Another backup, restore or drill of the plan ${plan} is running on ${where}`,
          holderIn(facts),
        ),
      },
      lost: {
        text: `The ${what} job is gone without a word.`,
        hint: again[what],
      },
      rebooted: {
        text: `${where} was started anew in the middle of the ${what}.`,
        hint: again[what],
      },
      disk: { text: `${where} has no room to work in, or may not write there.` },
      'no-room': {
        text: `${where} has no room for what is restored.`,
        hint: 'Free some, or say another place with `to:`; a dump goes to `staging` of the plan.',
      },
      'no-storage': {
        text: `The storage that its archive was on is not there on ${where}.`,
        hint: 'An unmounted disk looks like that. `storage list` has what is there; `backup run` makes an archive where the guest is now.',
      },
      'storage-room': {
        text: `There is no room beside the archives on ${where} for what is fetched: a tenth of the disk is to stay free.`,
        hint: 'Make room: `storage list` has what is used.',
      },
      'live-unreadable': {
        text: `A file that is live on ${where} cannot be read, so nothing was compared: ${listed(facts, 'file')}.`,
        hint: 'It says nothing of the backup. Look at the disk.',
      },
      'no-flock': { code: 'config', text: 'flock is not installed where the plan runs.' },
      'no-restic': {
        code: 'config',
        text: `restic is not installed on ${where}.`,
        hint: '`apt-get install restic` there, or say where it is with `binary` of the repository.',
      },
      'no-pg_restore': {
        code: 'config',
        text: `pg_restore and psql are not installed on ${where}.`,
        hint: '`apt-get install postgresql-client` there, of the version of the server or newer.',
      },
      'no-user': { code: 'config', text: `There is no user of the database on ${where}.` },
      'no-parent': {
        code: 'not-found',
        text: 'The folder to restore into is not there: an unmounted disk looks like that.',
        hint: 'Mount it, or say another place with `to:`.',
      },
      exists: {
        code: 'conflict',
        text: 'There is something already where it was to be restored. It was left as it is.',
        hint: 'Say another place with `to:`.',
      },
      'not-in-snapshot': {
        code: 'not-found',
        text: 'The snapshot does not have it.',
        hint: `\`backup find ${plan} <name>\` says which ones have a file.`,
      },
      incomplete: {
        text: 'What came back is not all that was saved: the number of files or their bytes differ.',
        hint: 'Do not count on this snapshot. `backup verify <repository>` reads what is stored.',
      },
      unreadable: {
        text: 'The dump cannot be read to its end: it is truncated.',
        hint: `Do not count on this snapshot: \`backup run ${plan}\` makes a new one, \`backup list ${plan}\` has older ones.`,
      },
      globals: {
        text: 'The roles are not in the dump, or not all of them.',
        hint: `\`backup run ${plan}\` makes a new one.`,
      },
      roles: { text: `The roles of the dump could not be made. ${untouched}` },
      make: {
        text: `A new database like the dumped one could not be made. ${untouched}`,
        hint: 'Does this machine have its locale, and is the user a superuser of the server?',
      },
      restore: {
        text: `The database could not be restored. ${untouched}`,
        hint: elsewhere
          ? 'The server has not what it needs: an extension that is not installed is the usual reason. Its own words are in the log.'
          : `Its own words are in the log. \`backup run ${plan}\` makes a new dump, \`backup list ${plan}\` has older ones.`,
      },
      drop: {
        text: 'All that was restored is as it was dumped, but the scratch database could not be dropped.',
        hint: 'It says nothing of the backup. PostgreSQL’s own words are in the log; a drill that begins more than a day later drops what is left.',
      },
      swap: {
        text: 'The database is restored, but could not take the place of the live one: somebody stays connected. The live one is as it was.',
        hint: 'Stop what uses it, and do it again.',
      },
      version: {
        text: `The server is of another major version than the dump: ${listed(facts, 'version')}.`,
        hint: 'A restore may work all the same. Make a new backup: `backup run`.',
      },
      extensions: { text: `The restored database has other extensions: ${listed(facts, 'extensions')}.` },
      rows: {
        text: `The restored tables are not those that were dumped: ${listed(facts, 'difference')}.`,
        hint: `Do not count on this snapshot. \`backup run ${plan}\` makes a new one.`,
      },
      count: { text: 'The tables of the restored database could not be counted.' },
      'originals-query': {
        code: 'config',
        text: 'The query under `originals` of the plan does not work on the restored database.',
        hint: "PostgreSQL's own words are in the log.",
      },
      'originals-list': { text: 'The files of the other plan could not be listed from here.' },
      originals: {
        text: `The database knows of files that the backup of them does not have: ${listed(facts, 'originals')}.`,
        hint: 'Look at the plan of the files: a path or a volume may not be in it.',
      },
      missing: { text: `A restored file is not there: ${listed(facts, 'file')}.` },
      differs: {
        text: `What came back differs from what it was saved from, which has not been changed since: ${listed(facts, 'file')}.`,
        hint: 'One of the two is damaged. Look at both before anything else: the live file or the archive on its storage, and what the repository has of it.',
      },
      rights: { text: `A restored file has another owner or other rights: ${listed(facts, 'file')}.` },
      evidence: { text: 'The drill has passed, but could not be written down in the repository.' },
    }
    const {
      code = 'failed',
      text,
      hint,
    } = found[reason] ?? {
      text: `The ${what} job ended without saying why.`,
      hint: undefined,
    }
    const paths = facts.flatMap(({ homelab, name }) =>
      homelab === 'file' && typeof name === 'string' ? [name] : [],
    )
    const data = {
      ...tried,
      ...(elsewhere ? { elsewhere } : {}),
      ...(stream === undefined ? {} : { trouble: stream }),
      ...(paths.length === 0 ? {} : { paths }),
    }
    return { code, text, data, ...(hint === undefined ? {} : { hint }) }
  }

/** The files whose content was damaged, as the snapshot calls them. */
function rotten(complaints: string): { readonly paths?: readonly string[] } {
  const paths = complaintsIn(complaints).flatMap(({ text, item }) =>
    item !== undefined && isRot(text) ? [item] : [],
  )
  return paths.length === 0 ? {} : { paths: [...new Set(paths)] }
}

/** What a server says when it is the one that lacks something, or goes away. Names are quoted there, so that none is taken for it. */
const lacking =
  /(?:ERROR|FATAL|PANIC): +(?:extension "[^"]*" (?:is not available|has no installation script)|could not (?:open|access|load|create|extend|write|fsync)|(?:role|tablespace|language|access method|collation) "[^"]*"(?: for encoding "[^"]*")? does not exist|invalid (?:LC_\w+ )?locale|encoding "[^"]*" does not match|unrecognized configuration parameter|permission denied|must be |out of (?:shared )?memory)/
const gone =
  /\bFATAL: |\bPANIC: |server closed the connection|connection to server|could not connect to server|terminating connection|canceling statement|no space left on device/i

/** What restic says when it gives up what it reads out; not when it was told to, because its reader has ended. */
const readOut = /^(?:Fatal: |cannot dump file: |loading tree |\{"message_type":"exit_error")/
const toldTo = /context canceled|broken pipe|signal interrupt/i

/** What kept a dump that is read out of the repository, while it is restored, from coming to its end. */
function troubleInStream(complaints: string): Trouble | undefined {
  const said = complaints.split('\n').filter((line) => readOut.test(line) && !toldTo.test(line))
  return said.length === 0 ? undefined : troubleOf(1, said.join('\n'))
}

/** The complaints of PostgreSQL lay the end at the door of the server, so that it says nothing of the dump. */
function isElsewhere(reason: string, complaints: string): boolean {
  const said = complaints.split('\n').filter((line) => /^(?:pg_restore|psql)\S*: /.test(line))
  if (reason === 'restore')
    return said.length === 0 || said.some((line) => lacking.test(line) || gone.test(line))
  if (reason === 'unreadable') return said.length === 0 || said.some((line) => gone.test(line))
  return ['globals', 'extensions'].includes(reason) && said.some((line) => gone.test(line))
}

function holderIn(facts: readonly Fact[]): { readonly pid: number; readonly seconds: number } | undefined {
  const fact = facts.find(({ homelab }) => homelab === 'holder')
  const [pid, seconds] = [fact?.pid, fact?.seconds]
  return typeof pid === 'number' && typeof seconds === 'number' ? { pid, seconds } : undefined
}

/** The first of what was said of it. */
const listed = (facts: readonly Fact[], name: string): string => {
  const said = facts.filter(({ homelab }) => homelab === name)
  const shown = said.slice(0, 3).map(({ homelab: _, ...rest }) =>
    Object.entries(rest)
      .map(([key, value]) => `${key} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
      .join(', '),
  )
  return shown.length === 0 ? 'the log has which' : shown.join('; ')
}

/** What the stages of its job are called. */
export const restoreStages = {
  before: 'getting ready',
  look: 'looking at what there is',
  fetch: 'fetching from the repository',
  read: 'reading the dump to its end',
  roles: 'making the roles that are missing',
  restore: 'restoring the database',
  swap: 'taking the place of the live one',
  place: 'putting it in its place',
  done: 'done',
  after: 'cleaning up',
}

/** `2026-11-25 03:00`. */
export const day = (at: number): string => new Date(at).toISOString().slice(0, 16).replace('T', ' ')

export const amount = ({ files, bytes: size }: { readonly files: number; readonly bytes: number }): string =>
  `${files} file${files === 1 ? '' : 's'}, ${bytes(size)}`
