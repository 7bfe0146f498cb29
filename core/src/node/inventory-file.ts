/** homelab.yaml on disk: read at the start, read again on request, never half-applied. */
import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { type ErrorData, errorData, HomelabError, isHomelabError } from '../errors.ts'
import type { KnownOperation } from '../inventory/crosscheck-rights.ts'
import { emptyInventory } from '../inventory/defaults.ts'
import { parseInventory } from '../inventory/parse.ts'
import type { Inventory } from '../inventory/schema.ts'

export type Reload =
  | { readonly outcome: 'changed' | 'same'; readonly inventory: Inventory }
  /** The old inventory stays in use. */
  | { readonly outcome: 'broken'; readonly inventory: Inventory; readonly error: ErrorData }

export interface OpenInventory {
  /** The file's path, also while it does not exist; undefined when none was given. */
  readonly path: string | undefined
  current(): Inventory
  /** Never throws for what is wrong with the file. Calls at the same time share one reading. */
  reload(): Promise<Reload>
  /** Called after a reload that changed it. Returns the way to stop that. */
  onChange(listener: (inventory: Inventory) => void): () => void
}

/** Bytes; what the parser itself refuses need not be read. */
const maxBytes = 4 * 1024 * 1024

/**
 * Without a path, or when `mustExist` is false and there is no such file, the inventory is empty.
 * @param options.operations those that there are: a mistyped one in the file is a mistake then
 * @throws HomelabError `config` when the file is broken
 */
export async function openInventory(
  path: string | undefined,
  options: { readonly mustExist?: boolean; readonly operations?: readonly KnownOperation[] } = {},
): Promise<OpenInventory> {
  const listeners = new Set<(inventory: Inventory) => void>()
  let text = await read(path)
  if (text === undefined && path !== undefined && options.mustExist === true) {
    throw new HomelabError('config', `${path} does not exist`, {
      hint: 'homelab.example.yaml is one to begin with.',
    })
  }
  let inventory = parse(path, text, options.operations)
  let reloading: Promise<Reload> | undefined

  const reload = async (): Promise<Reload> => {
    try {
      const now = await read(path)
      if (now === undefined && text !== undefined) {
        throw new HomelabError('config', `${path} is gone`, { hint: 'What it said last stays in use.' })
      }
      if (now === text) return { outcome: 'same', inventory }
      inventory = parse(path, now, options.operations)
      text = now
    } catch (error) {
      if (!isHomelabError(error)) throw error
      return { outcome: 'broken', inventory, error: errorData(error) }
    }
    for (const listener of [...listeners]) listener(inventory)
    return { outcome: 'changed', inventory }
  }

  return {
    path,
    current: () => inventory,
    reload: () => {
      reloading ??= reload().finally(() => {
        reloading = undefined
      })
      return reloading
    },
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

const parse = (
  path: string | undefined,
  text: string | undefined,
  operations: readonly KnownOperation[] | undefined,
): Inventory =>
  text === undefined
    ? emptyInventory()
    : parseInventory(text, {
        file: path === undefined ? 'homelab.yaml' : basename(path),
        ...(operations === undefined ? {} : { operations }),
      })

/** undefined when there is no such file. */
async function read(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined
  try {
    const info = await stat(path)
    if (!info.isFile()) throw new HomelabError('config', `${path} is not a file`)
    if (info.size > maxBytes) throw new HomelabError('config', `${path} is too big: ${info.size} bytes`)
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isHomelabError(error)) throw error
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'ENOENT') return undefined
    throw new HomelabError('config', `${path} cannot be read (${code || String(error)})`, { cause: error })
  }
}
