import { parseArgs } from 'node:util'

/** The command line of a peer. Everything throws a sentence for the person who typed it. */
export class Arguments<Name extends string> {
  readonly #values: ReadonlyMap<string, unknown>

  /**
   * @param names of the options that have a value
   * @throws Error for an option that is none, or that lacks its value
   */
  constructor(args: readonly string[], names: readonly Name[]) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        ...Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
        'with-parent': { type: 'boolean' },
      },
    })
    this.#values = new Map(Object.entries(values))
  }

  get withParent(): boolean {
    return this.#values.get('with-parent') === true
  }

  text(name: Name): string | undefined {
    const value = this.#values.get(name)
    return typeof value === 'string' ? value : undefined
  }

  /** @throws Error */
  wholeNumber<Fallback extends number | undefined>(
    name: Name,
    fallback: Fallback,
    smallest = 0,
  ): number | Fallback {
    const text = this.text(name)
    if (text === undefined) return fallback
    const value = Number(text)
    if (!Number.isSafeInteger(value) || value < smallest)
      throw new Error(`--${name} must be a whole number of at least ${smallest}, not "${text}"`)
    return value
  }

  /**
   * A factor on durations or limits, 1 when it is not given.
   * @param off whether 0 is allowed, which switches off what it is a factor on
   * @throws Error
   */
  factor(name: Name, off = false): number {
    const text = this.text(name)
    const value = Number(text ?? 1)
    if (!Number.isFinite(value) || value < 0 || (value === 0 && !off))
      throw new Error(`--${name} must be a number ${off ? 'of at least' : 'above'} 0, not "${text}"`)
    return value
  }
}
