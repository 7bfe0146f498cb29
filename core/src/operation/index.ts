export type * from './card.ts'
export * from './change.ts'
export * from './complete.ts'
export { defineOperation } from './define.ts'
export { type Field, fieldsOf } from './fields.ts'
export {
  commandText,
  commonOptions,
  optionName,
  type Parsed,
  parseCommand,
  usage,
  validateInput,
} from './grammar.ts'
export { type InlineOptions, runInline } from './inline.ts'
export { readLock, shared } from './locks.ts'
export { outputSchema } from './output-schema.ts'
export { atLeast, runnable } from './permission.ts'
export { createRegistry, type Registry } from './registry.ts'
export type * from './services.ts'
export { namedIn, takesTargets, targetsOf, touchedBy } from './targets.ts'
export type * from './types.ts'
export { roles, surfaces } from './types.ts'
export { type NotUndone, notUndoneSections, withNotUndone } from './undone.ts'
export * from './view.ts'
export { quoteWord } from './words.ts'
