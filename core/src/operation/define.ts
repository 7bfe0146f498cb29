import type { z } from 'zod'
import { fieldsOf } from './fields.ts'
import { commonOptions, optionName } from './grammar.ts'
import type { Need, Operation, OperationSpec } from './types.ts'

/** Options that a surface takes for itself, on every command. */
const reserved: readonly string[] = [...commonOptions, 'json', 'yes', 'save']

/**
 * Checks an operation when its module is loaded, so that a mistake shows at start and not in a chat.
 * @throws TypeError naming the operation and what is wrong with it
 */
export function defineOperation<
  const I extends z.ZodObject,
  const O extends z.ZodType,
  const N extends readonly Need[],
  const W extends readonly Need[] = [],
>(spec: OperationSpec<I, O, N, W>): OperationSpec<I, O, N, W> {
  const wrong = (what: string) => new TypeError(`operation ${spec.id}: ${what}`)
  if (!/^[a-z][a-z0-9]*\.[a-z]+$/.test(spec.id)) throw wrong('an id is noun.verb, in lower case')
  if (!/^[a-z][a-z0-9]*( [a-z]+)?$/.test(spec.chat))
    throw wrong(`chat path "${spec.chat}" is not one or two words`)
  if (spec.risk !== 'read' && spec.plan === undefined) throw wrong('a change needs a plan')
  const operation: Operation = spec
  const fields = fieldsOf(operation)
  const taken = fields.find((field) => reserved.includes(optionName(field.name)))
  if (taken !== undefined) throw wrong(`the option "${taken.name}" is every command's own`)
  const lists = (spec.positional ?? []).filter((name) => fields.find((f) => f.name === name)?.kind === 'list')
  if (lists.length > 0 && lists[0] !== spec.positional?.at(-1))
    throw wrong('only the last positional may be a list')
  for (const name of spec.positional ?? []) {
    if (!fields.some((field) => field.name === name)) throw wrong(`positional "${name}" is not in the input`)
  }
  return spec
}
