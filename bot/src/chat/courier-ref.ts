/** What is kept of a card's message, so that a restart goes on where it was, and what follows from it. */
import { createHash } from 'node:crypto'
import type { Json, RunLogLine } from '@homelab/core'
import type { Where } from './courier.ts'
import type { Posted } from './types.ts'

/** `message` of `where` stands at the top too: the message store finds a card by it. */
export interface Ref {
  readonly where?: Where
  /** `hashOf` the state that was shown last, or given up. */
  readonly shown?: string
  readonly state?: Posted['state']
  /** When its run was first seen at work, ISO 8601. */
  readonly since?: string
  /** Lines of its run's log that were added. */
  readonly logged?: number
  /** `markOf` the last of them. */
  readonly mark?: string
  readonly mentioned?: boolean
}

/** Cards that nobody asked for are by callers of this kind. */
export const isTold = ({ caller }: Posted): boolean => caller.id.startsWith('homelab:')

export function refOf(json: Json | undefined): Ref {
  return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Ref) : {}
}

export function jsonOf(ref: Ref): Json {
  const message = ref.where?.message
  return { ...(message === undefined ? {} : { message }), ...ref }
}

const digest = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 22)

/** The output is for `--json` alone and may be large. */
export const hashOf = ({ output: _, ...posted }: Posted): string => digest(JSON.stringify(posted))

export const markOf = ({ at, text }: RunLogLine): string => `${at} ${digest(text)}`

/** Milliseconds after which the asker is told of the end: nobody looks at a card for longer. */
const longMs = 60_000

export function wantsMention(posted: Posted, ref: Ref, now: Date): boolean {
  if (posted.state !== 'done' || posted.private === true || isTold(posted) || ref.mentioned === true)
    return false
  // Nobody waits for the end of a question that was not answered.
  if (posted.run === undefined) return false
  const end = posted.doneAt === undefined ? now.getTime() : Date.parse(posted.doneAt)
  return end - Date.parse(posted.at) > longMs
}
