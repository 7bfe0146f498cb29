/** Files that came with messages, served again until too many came after them. */
import type { Json } from './check/form.ts'
import { refuse } from './error.ts'
import { snowflake } from './ids.ts'

export interface Upload {
  /** The number in `files[n]`. */
  readonly place: number
  readonly name: string
  readonly type: string
  readonly data: Buffer
}

export interface Attachment {
  readonly id: string
  readonly channel: string
  readonly filename: string
  readonly type: string
  readonly size: number
  readonly description: string | undefined
}

const LARGEST = 10 * 1024 * 1024
const LARGEST_REQUEST = 25 * 1024 * 1024
/** All that is kept; the oldest go first. */
const KEPT = 128 * 1024 * 1024

/** @throws ApiError 413, 40005 */
export function checkSizes(files: readonly Upload[], requestBytes: number): void {
  if (requestBytes > LARGEST_REQUEST || files.some(({ data }) => data.length > LARGEST))
    throw refuse('tooLarge')
}

export class Attachments {
  readonly #data = new Map<string, Buffer>()
  #bytes = 0

  add(channel: string, files: readonly Upload[], listed: readonly Json[] | undefined): readonly Attachment[] {
    return files.map((file) => {
      const about = listed?.find(({ id }) => String(id) === String(file.place))
      const id = snowflake()
      this.#data.set(id, file.data)
      this.#bytes += file.data.length
      this.#trim()
      const { description, filename } = about ?? {}
      return {
        id,
        channel,
        filename: typeof filename === 'string' ? filename : file.name,
        type: file.type,
        size: file.data.length,
        description: typeof description === 'string' ? description : undefined,
      }
    })
  }

  #trim(): void {
    for (const [id, data] of this.#data) {
      if (this.#bytes <= KEPT) return
      this.#data.delete(id)
      this.#bytes -= data.length
    }
  }

  remove(list: readonly Attachment[]): void {
    for (const { id } of list) {
      this.#bytes -= this.#data.get(id)?.length ?? 0
      this.#data.delete(id)
    }
  }

  read(id: string): Buffer | undefined {
    return this.#data.get(id)
  }

  clear(): void {
    this.#data.clear()
    this.#bytes = 0
  }
}
