import { randomBytes } from 'node:crypto'
import type { Workspace } from './workspace.ts'

/** Files whose content is kept. */
const KEPT = 200

export interface StoredFile {
  readonly id: string
  readonly ticket: string
  readonly name: string
  readonly length: number
  title: string
  content: Buffer | undefined
}

export class Files {
  readonly #workspace: Workspace
  readonly #files = new Map<string, StoredFile>()

  constructor(workspace: Workspace) {
    this.#workspace = workspace
  }

  announce(name: string, length: number): StoredFile {
    const file: StoredFile = {
      id: this.#workspace.newId('F'),
      ticket: randomBytes(16).toString('hex'),
      name,
      length,
      title: name,
      content: undefined,
    }
    this.#files.set(file.id, file)
    if (this.#files.size > KEPT) {
      const [oldest] = this.#files.keys()
      if (oldest !== undefined) this.#files.delete(oldest)
    }
    return file
  }

  byTicket(ticket: string): StoredFile | undefined {
    return [...this.#files.values()].find((file) => file.ticket === ticket)
  }

  get(id: string): StoredFile | undefined {
    return this.#files.get(id)
  }

  clear(): void {
    this.#files.clear()
  }
}
