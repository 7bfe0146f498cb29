/**
 * Names in the order in which they came. It does not change: with one more it is another one, which shares what it is made of, so that
 * ten thousand that come one by one are not ten thousand lists.
 */
export class Names implements Iterable<string> {
  static readonly none = Names.of([])
  readonly size: number
  /** Shared with those that were made of this one: its own are the first `size`. */
  readonly #list: string[]
  readonly #places: Map<string, number>

  private constructor(list: string[], places: Map<string, number>, size: number) {
    this.#list = list
    this.#places = places
    this.size = size
  }

  static of(names: Iterable<string>): Names {
    const list = [...new Set(names)]
    return new Names(list, new Map(list.map((name, index) => [name, index])), list.length)
  }

  has(name: string): boolean {
    return (this.#places.get(name) ?? this.size) < this.size
  }

  with(name: string): Names {
    if (this.has(name)) return this
    // Another one was made of this one before.
    if (this.#list.length > this.size) return Names.of([...this, name])
    this.#places.set(name, this.size)
    this.#list.push(name)
    return new Names(this.#list, this.#places, this.size + 1)
  }

  without(name: string): Names {
    return this.has(name) ? Names.of([...this].filter((each) => each !== name)) : this
  }

  [Symbol.iterator](): Iterator<string> {
    return this.toJSON().values()
  }

  toJSON(): string[] {
    return this.#list.slice(0, this.size)
  }
}
