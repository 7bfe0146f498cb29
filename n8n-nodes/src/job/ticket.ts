/**
 * The id of a job that goes on without us: all that a later look needs to find it again, sealed, so that an item can carry it through a
 * workflow and nobody can make one up. It holds no secret; it is good for whoever has the credentials that it was made with.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { HomelabError } from '@homelab/core'
import type { Journal } from '../run.ts'

/** What the job is of: plain JSON, and nothing secret. */
export interface Subject {
  /** Only one long command of each is at work on a machine. */
  readonly name: string
}

export interface Ticket<S extends Subject> {
  /** Resource and verb in the node. */
  readonly surface: string
  readonly input: Readonly<Record<string, unknown>>
  readonly subject: S
  readonly journal: Journal
}

const version = 2

const sealOf = (body: string, key: string): Buffer =>
  createHmac('sha256', `homelab job ${version}\n${key}`).update(body).digest()

/** @param key secrets of the credentials */
export function seal<S extends Subject>(ticket: Ticket<S>, key: string): string {
  const body = Buffer.from(JSON.stringify({ version, ...ticket })).toString('base64url')
  return `${body}.${sealOf(body, key).toString('base64url')}`
}

/** @throws HomelabError `conflict` for what is no id of ours, or was made with other credentials */
export function unseal<S extends Subject>(text: string, key: string): Ticket<S> {
  const [body = '', mark = '', ...more] = text.trim().split('.')
  const given = Buffer.from(mark, 'base64url')
  const right = sealOf(body, key)
  if (more.length > 0 || given.length !== right.length || !timingSafeEqual(given, right)) {
    throw new HomelabError('conflict', 'This is no id of a job that was started with these credentials', {
      hint: 'Take the id whole, from the item that started it, and the same credentials.',
    })
  }
  return JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as Ticket<S>
}
