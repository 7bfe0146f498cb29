/** What the node offers, out of all operations of core. */
import { operations as all } from '@homelab/core/operations'
import { surfaced } from '../../src/form.ts'
import type { Overrides } from '../../src/overrides.ts'
import { postgresOverrides, resticOverrides } from './overrides.ts'

/** Those that the overrides name: an operation on plans is not always one on a single plan. */
const named = (overrides: Overrides) =>
  surfaced(
    all.filter(({ id }) => overrides.operations[id] !== undefined),
    overrides,
  )

export const operations = [...named(resticOverrides), ...named(postgresOverrides)]
