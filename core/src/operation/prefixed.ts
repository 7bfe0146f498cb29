/** A run inside another one: its names are its own. */
import type { Verbs } from './types.ts'

export const prefixed = (verbs: Verbs, prefix: string): Verbs => ({
  ...verbs,
  step: (name, work) => verbs.step(`${prefix}: ${name}`, work),
  change: (name, spec) => verbs.change(`${prefix}: ${name}`, spec),
  follow: (name, watch) => verbs.follow(`${prefix}: ${name}`, watch),
})
