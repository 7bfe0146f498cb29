/** The contract between a job and whoever started it: a folder on the machine where the data is. */
import type { Secret } from '../../secret.ts'

/** The files of a path, or a PostgreSQL server. */
export type JobSource =
  | { readonly kind: 'files'; readonly paths: readonly string[]; readonly exclude: readonly string[] }
  | {
      readonly kind: 'postgres'
      /** Undefined: all that can be connected to. */
      readonly databases?: readonly string[]
      /** Of the machine. */
      readonly user: string
      /** Folder of the socket, or an address; the user's own default without. */
      readonly host?: string
      readonly port?: number
      readonly jobs: number
      /** A folder with room for a whole dump, unless it is streamed. */
      readonly staging: string
      /** Without staging, one database only; undefined: when there is no room. */
      readonly stream?: boolean
    }

/** What every job has. */
export interface JobBase {
  /** Of this job alone: `<jobs>/<run>`. */
  readonly directory: string
  /** Where the secrets wait until the job has read them; best in memory. */
  readonly environment: string
  /** Of the plan, whoever starts it. */
  readonly lock: string
  readonly plan: string
  /** Stands in the tags of its snapshots. */
  readonly run: string
  /** As restic files it under; the same each time, or nothing is found that could be left out. */
  readonly host: string
  /** A program, or a path. */
  readonly restic: string
  /** Names of variables that only restic may see. */
  readonly secrets: readonly string[]
  /** Commands before it: one that fails ends it. */
  readonly before: readonly (readonly string[])[]
  /** Commands after it, always. */
  readonly after: readonly (readonly string[])[]
}

/** A backup. */
export interface JobSpec extends JobBase {
  readonly source: JobSource
  /** A file beside the lock: when the last proven backup of the plan into this repository began, seconds since 1970. */
  readonly saved: string
  /** Of an occurrence, seconds since 1970: what has been saved since then is not saved again. */
  readonly due?: number
}

/** Why a job ended, in its own word. */
export type Reason =
  | 'cancelled'
  | 'busy'
  | 'saved'
  | 'before'
  | 'after'
  | 'disk'
  | 'no-room'
  | 'stream-one'
  | 'no-flock'
  | 'no-restic'
  | 'no-pg_dump'
  | 'no-user'
  | 'staging'
  | 'foreign'
  | 'no-databases'
  | 'source-missing'
  | 'source-link'
  | 'source-empty'
  | 'postgres'
  | 'globals'
  | 'dump'
  | 'unreadable'
  | 'restic'
  | 'partial'
  | 'no-snapshot'
  | 'mismatch'
  | 'read-back'
  | 'proof'

export interface JobEnd {
  readonly code: number
  /** The stage in which it ended; `done`. */
  readonly stage: string
  readonly reason?: Reason
}

export type JobState =
  /** Nobody has made its folder. */
  | { readonly state: 'absent' }
  /** The folder is there, and nothing says yet that it has begun. */
  | { readonly state: 'waiting' }
  /** `complaint`: the last line that its programs wrote beside what they are read for. */
  | { readonly state: 'running'; readonly complaint?: string }
  | { readonly state: 'ended'; readonly end: JobEnd }
  /** It is gone without a word: killed, or the machine was. Only the repository knows how far it came. */
  | { readonly state: 'lost'; readonly rebooted: boolean }

/** What restic is given, by name. */
export type JobSecrets = Readonly<Record<string, Secret>>
