/** What a run that failed could not take back: it belongs beside its error, wherever that is read. */
import { type ErrorData, errorData, HomelabError, isHomelabError } from '../errors.ts'
import type { Section } from './card.ts'

export interface NotUndone {
  /** As the undo is called: `the DNS record a.example.com`. */
  readonly name: string
  readonly why: string
}

/** @param left in the order in which it was tried; none: the error as it is */
export function withNotUndone(error: ErrorData, left: readonly NotUndone[]): ErrorData {
  if (left.length === 0) return error
  const sentences = left.map(({ name, why }) => `Not taken back: ${name} (${why.replace(/\.$/, '')}).`)
  return {
    ...error,
    message: [error.message, ...sentences].join(' '),
    data: { ...error.data, notUndone: left },
  }
}

/** The same of what was thrown; what is no HomelabError is a bug, and stays as it is. */
export function thrownWithNotUndone(error: unknown, left: readonly NotUndone[]): unknown {
  if (left.length === 0 || !isHomelabError(error)) return error
  const { code, message, ...facts } = withNotUndone(errorData(error), left)
  return new HomelabError(code, message, { ...facts, cause: error })
}

/** For a card that does not show the error itself. */
export function notUndoneSections({ data }: Partial<ErrorData>): readonly Section[] {
  const left = data?.notUndone as readonly NotUndone[] | undefined
  if (left === undefined) return []
  return [{ kind: 'list', title: 'Not taken back', items: left.map(({ name, why }) => `${name}: ${why}`) }]
}
