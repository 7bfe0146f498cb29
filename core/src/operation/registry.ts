import { fieldsOf } from './fields.ts'
import type { Operation } from './types.ts'

/** The explicit list of operations, indexed. */
export interface Registry {
  readonly all: readonly Operation[]
  byId(id: string): Operation | undefined
  byChat(path: string): Operation | undefined
}

/** @throws TypeError on a duplicate id or chat path, or one path that hides another */
export function createRegistry(operations: readonly Operation[]): Registry {
  const ids = new Map<string, Operation>()
  const paths = new Map<string, Operation>()
  for (const operation of operations) {
    fieldsOf(operation)
    const sameId = ids.get(operation.id)
    if (sameId !== undefined) throw new TypeError(`two operations have the id ${operation.id}`)
    const samePath = paths.get(operation.chat)
    if (samePath !== undefined) {
      throw new TypeError(
        `operations ${samePath.id} and ${operation.id} have the chat path "${operation.chat}"`,
      )
    }
    ids.set(operation.id, operation)
    paths.set(operation.chat, operation)
  }
  for (const [path, operation] of paths) {
    const group = path.split(' ')[0] ?? path
    const hidden = group === path ? undefined : paths.get(group)
    // `guest` and `guest list` side by side cannot be told apart in Discord's tree.
    if (hidden !== undefined)
      throw new TypeError(`chat path "${path}" of ${operation.id} is hidden by ${hidden.id}`)
  }
  return {
    all: [...operations],
    byId: (id) => ids.get(id),
    byChat: (path) => paths.get(path),
  }
}
