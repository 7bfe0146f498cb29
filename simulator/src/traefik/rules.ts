/** Traefik 3's rules, as far as requests of a browser can meet them. */

export interface Asked {
  /** Without a port, in lower case. */
  readonly host: string
  readonly path: string
  readonly method: string
  header(name: string): string | undefined
}

export type Matcher = (asked: Asked) => boolean

const functions: Readonly<
  Record<string, { readonly args: readonly number[]; make(args: readonly string[]): Matcher }>
> = {
  Host: { args: [1], make: ([name = '']) => same((asked) => asked.host, name.toLowerCase()) },
  HostRegexp: { args: [1], make: ([text = '']) => fits((asked) => asked.host, text) },
  Path: { args: [1], make: ([path = '']) => same((asked) => asked.path, path) },
  PathPrefix: {
    args: [1],
    make:
      ([path = '']) =>
      (asked) =>
        asked.path.startsWith(path),
  },
  PathRegexp: { args: [1], make: ([text = '']) => fits((asked) => asked.path, text) },
  Method: { args: [1], make: ([method = '']) => same((asked) => asked.method, method.toUpperCase()) },
  Header: {
    args: [2],
    make:
      ([name = '', value = '']) =>
      (asked) =>
        asked.header(name) === value,
  },
  HeaderRegexp: { args: [2], make: ([name = '', text = '']) => fits((asked) => asked.header(name), text) },
  Query: { args: [1, 2], make: () => () => false },
  QueryRegexp: { args: [1, 2], make: () => () => false },
  ClientIP: { args: [1], make: () => () => true },
}

const same =
  (part: (asked: Asked) => string | undefined, value: string): Matcher =>
  (asked) =>
    part(asked) === value

const fits = (part: (asked: Asked) => string | undefined, text: string): Matcher => {
  const pattern = new RegExp(text, 'i')
  return (asked) => pattern.test(part(asked) ?? '')
}

interface Token {
  readonly kind: 'name' | 'text' | 'mark'
  readonly value: string
}

function tokens(rule: string): Token[] {
  const found: Token[] = []
  const pattern = /\s+|([A-Za-z]+)|`([^`]*)`|"((?:[^"\\]|\\.)*)"|(&&|\|\||[!(),])|(.)/gsu
  for (const [, name, ticked, quoted, mark, other] of rule.matchAll(pattern)) {
    if (other !== undefined) throw new Error(`illegal character ${JSON.stringify(other)}`)
    if (name !== undefined) found.push({ kind: 'name', value: name })
    else if (mark !== undefined) found.push({ kind: 'mark', value: mark })
    else if (ticked !== undefined || quoted !== undefined)
      found.push({ kind: 'text', value: ticked ?? quoted ?? '' })
  }
  return found
}

class Parser {
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(rule: string) {
    this.#tokens = tokens(rule)
  }

  whole(): Matcher {
    if (this.#tokens.length === 0) throw new Error('expected operand, found EOF')
    const matcher = this.#either()
    if (this.#at < this.#tokens.length) throw new Error(`unexpected ${this.#tokens[this.#at]?.value}`)
    return matcher
  }

  #take(value: string): boolean {
    const token = this.#tokens[this.#at]
    if (token?.kind !== 'mark' || token.value !== value) return false
    this.#at += 1
    return true
  }

  #need(value: string): void {
    if (!this.#take(value)) throw new Error(`expected '${value}'`)
  }

  #either(): Matcher {
    let left = this.#both()
    while (this.#take('||')) {
      const [a, b] = [left, this.#both()]
      left = (asked) => a(asked) || b(asked)
    }
    return left
  }

  #both(): Matcher {
    let left = this.#single()
    while (this.#take('&&')) {
      const [a, b] = [left, this.#single()]
      left = (asked) => a(asked) && b(asked)
    }
    return left
  }

  #single(): Matcher {
    if (this.#take('!')) {
      const inner = this.#single()
      return (asked) => !inner(asked)
    }
    if (this.#take('(')) {
      const inner = this.#either()
      this.#need(')')
      return inner
    }
    const token = this.#tokens[this.#at]
    if (token?.kind !== 'name') throw new Error('expected operand')
    this.#at += 1
    return this.#call(token.value)
  }

  #call(name: string): Matcher {
    this.#need('(')
    const args: string[] = []
    while (!this.#take(')')) {
      if (args.length > 0) this.#need(',')
      const token = this.#tokens[this.#at]
      if (token?.kind !== 'text') throw new Error('expected a text')
      this.#at += 1
      args.push(token.value)
    }
    const known = functions[name]
    if (known === undefined) throw new Error(`unsupported function: ${name}`)
    if (!known.args.includes(args.length))
      throw new Error(
        `unexpected number of parameters; got ${args.length}, expected one of [${known.args.join(' ')}]`,
      )
    return known.make(args)
  }
}

/** @throws Error with what Traefik says of a rule that it cannot read */
export function parseRule(rule: string): Matcher {
  try {
    return new Parser(rule).whole()
  } catch (error) {
    throw new Error(
      `error while parsing rule ${rule}: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}
