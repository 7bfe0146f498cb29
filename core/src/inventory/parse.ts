/** homelab.yaml: text to a checked inventory, with all its problems at once and where they stand. */
import { HomelabError } from '../errors.ts'
import { crossCheck } from './crosscheck.ts'
import type { KnownOperation } from './crosscheck-rights.ts'
import { toInventory } from './defaults.ts'
import { toProblems } from './problems.ts'
import { type Inventory, InventoryFile } from './schema.ts'
import { type Problem, readYaml, type Source } from './yaml.ts'

const maxShown = 20
const maxKept = 200

export interface ParseOptions {
  /** For messages: `homelab.yaml`. */
  readonly file?: string
  /** Those that there are; without them a mistyped one goes unnoticed. */
  readonly operations?: readonly KnownOperation[]
}

/**
 * An empty text is an empty inventory.
 * @throws HomelabError `config` with `data: {file, problems: [{line, column, path, message}]}`, in the file's order
 */
export function parseInventory(text: string, options: ParseOptions = {}): Inventory {
  const file = options.file ?? 'homelab.yaml'
  const source = readYaml(text)
  if (!source.readable) throw configError(file, source.problems)
  const filled = source.value === null || source.value === undefined ? withValue(source, {}) : source
  const parsed = InventoryFile.safeParse(filled.value)
  const problems = [
    ...source.problems,
    ...(parsed.success ? [] : toProblems(parsed.error.issues, filled)),
    ...crossCheck(filled, options.operations),
  ]
  if (!parsed.success || problems.length > 0) throw configError(file, problems)
  return toInventory(parsed.data)
}

const withValue = (source: Source, value: unknown): Source => ({ ...source, value })

function configError(file: string, found: readonly Problem[]): HomelabError {
  const problems = found.toSorted((a, b) => a.line - b.line || a.column - b.column)
  const lines = problems
    .slice(0, maxShown)
    .map(({ line, column, path, message }) =>
      path === '' ? `${file}:${line}:${column} ${message}` : `${file}:${line}:${column} ${path}: ${message}`,
    )
  const rest = problems.length - lines.length
  const shown = rest > 0 ? [...lines, `and ${rest} more`] : lines
  const message =
    problems.length === 1 ? shown.join('') : [`${file} has ${problems.length} problems:`, ...shown].join('\n')
  return new HomelabError('config', message, {
    hint: 'docs/configuration.md explains every key; homelab.example.yaml is a whole lab.',
    data: { file, problems: problems.slice(0, maxKept) },
  })
}
