/** Names on the shared PostgreSQL, and the mark of what a run has made there. */
import { HomelabError } from '../errors.ts'

export interface DatabaseSpec {
  readonly name: string
  /** Owns the database and logs in to it. */
  readonly role: string
  readonly extensions?: readonly string[]
}

const NAME = /^[a-z_][a-z0-9_]{0,62}$/
const reserved = new Set([
  'postgres',
  'template0',
  'template1',
  'public',
  'none',
  'session_user',
  'current_user',
  'current_role',
])

/** @throws HomelabError `usage` for what is no name, or one of PostgreSQL's own */
export function checkName(name: string, what: string): void {
  if (NAME.test(name) && !reserved.has(name) && !name.startsWith('pg_')) return
  throw new HomelabError('usage', `${JSON.stringify(name)} cannot be the name of a ${what}.`, {
    hint: 'Small letters, digits and _, not beginning with a digit, and none of the names of PostgreSQL itself.',
  })
}

export function checkSpec({ name, role, extensions = [] }: DatabaseSpec): void {
  checkName(name, 'database')
  checkName(role, 'role')
  const odd = extensions.find((extension) => !/^[a-z_][a-z0-9_-]{0,62}$/.test(extension))
  if (odd !== undefined) throw new HomelabError('usage', `${JSON.stringify(odd)} is no name of an extension.`)
}

export const commentOf = (mark: string): string => {
  if (!/^[\w.:-]{1,200}$/.test(mark))
    throw new HomelabError('bug', `${JSON.stringify(mark)} cannot be a mark.`)
  return `Made by homelab (${mark})`
}
