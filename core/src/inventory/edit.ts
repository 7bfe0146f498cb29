/**
 * Changes to homelab.yaml as a text that is somebody's: one entry more or less, and every other character as it was. Whether
 * that is so is looked at afterwards, in what the file says then; where it is not, nothing is changed.
 */
import { parseDocument } from 'yaml'
import { HomelabError } from '../errors.ts'
import { insertion } from './edit-insert.ts'
import { cannot, type EntryPath, type Opened } from './edit-nodes.ts'
import { removal } from './edit-remove.ts'
import { blockLines } from './entry-text.ts'
import { apply } from './lines.ts'
import { readYaml, yamlOptions } from './yaml.ts'

export type { EntryPath }

/**
 * The text with this entry; the same text when it says that already. Sections that are missing are made. A new entry stands
 * behind the others of its section, or before them where the section is written in braces.
 * @param value plain data; null writes `plex:`
 * @param options.comment goes above the entry, where that is a line of its own
 * @throws HomelabError `config` when the text is no valid YAML, `conflict` when the entry says something else already or cannot
 * be written without changing more
 */
export function withEntry(
  text: string,
  path: EntryPath,
  value: unknown,
  options: { readonly comment?: string } = {},
): string {
  checkPath(path)
  const before = open(text)
  const there = valueAt(before.value, path)
  if (there !== undefined) {
    if (same(there.value, value)) return text
    throw new HomelabError(
      'conflict',
      `${path.join('.')} stands in homelab.yaml already, and says something else.`,
      {
        hint: 'Take that entry out, or choose another name.',
      },
    )
  }
  const after = apply(text, insertion(before, path, value, options.comment))
  return proven(after, withValue(before.value, path, value), path, () =>
    blockLines(path, value, { indent: 0, step: 2 }).join('\n'),
  )
}

/**
 * The text without this entry; the same text when it has none. The last entry of a section leaves `{}`.
 * @param options.comment how a comment right above the entry begins that goes with it; others stay
 * @throws HomelabError `config` when the text is no valid YAML, `conflict` when more would change
 */
export function withoutEntry(
  text: string,
  path: EntryPath,
  options: { readonly comment?: string } = {},
): string {
  checkPath(path)
  const before = open(text)
  if (valueAt(before.value, path) === undefined) return text
  const after = apply(text, removal(before, path, options.comment))
  return proven(after, withoutValue(before.value, path), path)
}

function open(text: string): Opened {
  const tab = /^ *\t/m.exec(text)
  if (tab !== null) {
    const line = text.slice(0, tab.index).split('\n').length
    throw new HomelabError('config', `homelab.yaml:${line} begins with a tab: YAML indents with spaces only`)
  }
  const { problems, value } = readYaml(text)
  const [problem] = problems
  if (problem !== undefined) {
    throw new HomelabError('config', `homelab.yaml:${problem.line}:${problem.column} ${problem.message}`, {
      hint: 'Nothing is written into a file with mistakes: config check',
    })
  }
  return { text, value, contents: parseDocument(text, yamlOptions).contents }
}

function checkPath(path: EntryPath): void {
  const odd = path.find((key) => key === '' || key === '__proto__' || key === '<<' || /\p{Cc}/u.test(key))
  if (path.length === 0 || odd !== undefined)
    throw new HomelabError('usage', `${JSON.stringify(odd ?? '')} is no key of homelab.yaml.`)
}

/** A file can be written in ways that we do not foresee: what it says in the end decides. */
function proven(after: string, wanted: unknown, path: EntryPath, hint?: () => string): string {
  const { problems, value } = readYaml(after)
  if (problems.length === 0 && same(value, wanted)) return after
  throw cannot(path, 'the file would say something else, too', hint?.())
}

function valueAt(value: unknown, path: EntryPath): { readonly value: unknown } | undefined {
  let at = value
  for (const key of path) {
    if (!isRecord(at) || !Object.hasOwn(at, key)) return undefined
    at = at[key]
  }
  return { value: at }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const withValue = (at: unknown, [key = '', ...rest]: EntryPath, value: unknown): unknown => ({
  ...(isRecord(at) ? at : {}),
  [key]: rest.length === 0 ? value : withValue(isRecord(at) ? at[key] : undefined, rest, value),
})

function withoutValue(at: unknown, [key = '', ...rest]: EntryPath): unknown {
  const { [key]: gone, ...others } = at as Record<string, unknown>
  return rest.length === 0 ? others : { ...(at as object), [key]: withoutValue(gone, rest) }
}

/** Without regard to the order of keys; nothing at all is an empty file. */
const same = (a: unknown, b: unknown): boolean => canonical(a ?? {}) === canonical(b ?? {})

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    isRecord(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : Number(a > b))))
      : inner,
  )
}
