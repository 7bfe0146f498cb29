/** homelab.yaml on disk: read at the start, read again on request, never half-applied. */
import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { type ErrorData, errorData, fromErrorData, HomelabError, isHomelabError } from '../errors.ts'
import type { KnownOperation } from '../inventory/crosscheck-rights.ts'
import { emptyInventory } from '../inventory/defaults.ts'
import { parseInventory } from '../inventory/parse.ts'
import type { Inventory } from '../inventory/schema.ts'
import type { InventoryWriter } from '../inventory/types.ts'
import { replaceFile } from './replace-file.ts'

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
  /**
   * Writes what the change makes of the text, all of it or nothing, and reads it again. An unchanged text is not written.
   * Changes at the same time are made one after the other, each on the text of before.
   * @param options.expect the digest of the text that the change was planned on
   * @throws HomelabError `conflict` when somebody else changed the file meanwhile, `config` when the new text is broken or
   * cannot be written, and what the change throws; nothing is written then
   */
  write(change: (text: string) => string, options?: { readonly expect?: string }): Promise<Written>
  /** Whether that could be written now. @throws HomelabError `config` when the new text would be broken */
  check(change: (text: string) => string): Promise<void>
  /** Called after a reload that changed it. Returns the way to stop that. */
  onChange(listener: (inventory: Inventory) => void): () => void
}

export interface Written {
  readonly before: string
  readonly after: string
}

/** Of a text of the file, to see later whether it is still the same. */
export const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex')

/** The file as operations may change it. undefined when there is none. */
export const writerOf = ({ path, check, write }: OpenInventory): InventoryWriter | undefined =>
  path === undefined
    ? undefined
    : { path, text: async () => (await read(path)) ?? '', check, change: (edit) => write(edit) }

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

  const reloadOnce = (): Promise<Reload> => {
    reloading ??= reload().finally(() => {
      reloading = undefined
    })
    return reloading
  }

  const write = async (change: (text: string) => string, expected?: string): Promise<Written> => {
    if (path === undefined)
      throw new HomelabError('config', 'There is no homelab.yaml to write to.', {
        hint: 'Start with --config, or HOMELAB_CONFIG.',
      })
    const found = await read(path)
    const before = found ?? ''
    if (expected !== undefined && digestOf(before) !== expected) throw changedMeanwhile(path)
    const after = change(before)
    if (after !== before) {
      checkNew(path, after, options.operations)
      await replaceFile(path, after, async () => {
        if ((await read(path)) !== found) throw changedMeanwhile(path)
      })
    }
    // One that is under way may have read what stood there before.
    await reloading
    const { outcome, ...now } = await reloadOnce()
    if (outcome === 'broken' && 'error' in now) throw fromErrorData(now.error)
    return { before, after }
  }
  let writing: Promise<unknown> = Promise.resolve()

  return {
    path,
    current: () => inventory,
    reload: reloadOnce,
    write: (change, { expect } = {}) => {
      const written = writing.then(() => write(change, expect))
      writing = written.catch(() => undefined)
      return written
    },
    async check(change) {
      if (path !== undefined) checkNew(path, change((await read(path)) ?? ''), options.operations)
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

const changedMeanwhile = (path: string): HomelabError =>
  new HomelabError(
    'conflict',
    `${basename(path)} was changed by somebody else meanwhile: nothing was written.`,
    {
      hint: 'Try it again.',
    },
  )

/** @throws HomelabError `config` when the file would not be read any more */
function checkNew(path: string, text: string, operations: readonly KnownOperation[] | undefined): void {
  if (new TextEncoder().encode(text).length > maxBytes)
    throw new HomelabError('config', `${basename(path)} would be too big: nothing was written.`)
  try {
    parse(path, text, operations)
  } catch (error) {
    if (!isHomelabError(error)) throw error
    throw new HomelabError('config', `Nothing was written, as this would be wrong then: ${error.message}`, {
      ...(error.data === undefined ? {} : { data: error.data }),
      cause: error,
    })
  }
}

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
