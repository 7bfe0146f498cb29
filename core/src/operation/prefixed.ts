/** A run inside another one: names of steps are unique in a run. */
import type { Verbs } from './types.ts'

export const prefixed = (verbs: Verbs, prefix: string): Verbs => ({
  ...verbs,
  step: (name, work) => verbs.step(`${prefix}: ${name}`, work),
  change: (name, spec) => verbs.change(`${prefix}: ${name}`, spec),
  undo: (name, revert) => verbs.undo(`${prefix}: ${name}`, revert),
  follow: (name, watch) => verbs.follow(`${prefix}: ${name}`, watch),
})
