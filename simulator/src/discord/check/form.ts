/** Collects what is wrong with a body, in the nested form that Discord answers with (code 50035). */
import { ApiError } from '../error.ts'

export type Json = Readonly<Record<string, unknown>>
export type Path = readonly (string | number)[]

export const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

interface Problem {
  readonly code: string
  readonly message: string
}

interface Tree {
  _errors?: Problem[]
  [key: string]: Tree | Problem[] | undefined
}

interface Bounds {
  readonly min?: number
  readonly max: number
  readonly required?: boolean
}

export class Form {
  readonly #errors: Tree = {}
  #bad = false

  add(path: Path, code: string, message: string): void {
    this.#bad = true
    let node = this.#errors
    for (const step of path) {
      const key = String(step)
      const child = node[key]
      const next: Tree = child && !Array.isArray(child) ? child : {}
      node[key] = next
      node = next
    }
    node._errors = [...(node._errors ?? []), { code, message }]
  }

  required(path: Path): void {
    this.add(path, 'BASE_TYPE_REQUIRED', 'This field is required')
  }

  length(path: Path, length: number, { min = 0, max }: Bounds): void {
    if (length >= min && length <= max) return
    if (min > 0) this.add(path, 'BASE_TYPE_BAD_LENGTH', `Must be between ${min} and ${max} in length.`)
    else this.add(path, 'BASE_TYPE_MAX_LENGTH', `Must be ${max} or fewer in length.`)
  }

  /**
   * A text, or undefined when it is absent or wrong. Its length is counted in UTF-16 units: the stricter of
   * two readings, so that what passes here passes everywhere.
   */
  text(path: Path, value: unknown, bounds: Bounds): string | undefined {
    if (value === undefined || value === null) {
      if (bounds.required) this.required(path)
      return undefined
    }
    if (typeof value !== 'string') {
      this.add(path, 'BASE_TYPE_STRING', 'Could not interpret value as string.')
      return undefined
    }
    if (bounds.required && value.trim() === '') this.required(path)
    else this.length(path, value.length, bounds)
    return value
  }

  /** A list of objects; an absent one is empty. */
  list(path: Path, value: unknown, bounds: Bounds): readonly Json[] {
    if (value === undefined || value === null) {
      if (bounds.required) this.required(path)
      return []
    }
    if (!Array.isArray(value)) {
      this.add(path, 'BASE_TYPE_LIST', 'Only list values are allowed')
      return []
    }
    this.length(path, value.length, bounds)
    return value.filter((entry: unknown, index): entry is Json => {
      if (isJson(entry)) return true
      this.add([...path, index], 'MODEL_TYPE_CONVERT', 'Only dictionaries may be used in a ModelType')
      return false
    })
  }

  whole(path: Path, value: unknown, low: number, high: number): number | undefined {
    if (value === undefined || value === null) return undefined
    if (typeof value !== 'number' || !Number.isInteger(value)) {
      this.add(path, 'NUMBER_TYPE_COERCE', `Value "${String(value)}" is not int.`)
      return undefined
    }
    if (value < low) this.add(path, 'NUMBER_TYPE_MIN', `int value should be greater than or equal to ${low}.`)
    if (value > high) this.add(path, 'NUMBER_TYPE_MAX', `int value should be less than or equal to ${high}.`)
    return value
  }

  oneOf(path: Path, value: unknown, allowed: readonly unknown[]): void {
    if (!allowed.includes(value))
      this.add(path, 'BASE_TYPE_CHOICES', `Value must be one of {${allowed.join(', ')}}.`)
  }

  /** @throws ApiError 400, 50035 when anything was added */
  done(): void {
    if (this.#bad) throw new ApiError(400, 50035, 'Invalid Form Body', this.#errors)
  }
}
