/** The calls that there are: verb, path, what the token needs, what it does. */
import type { Connectors } from './connectors.ts'
import type { Json } from './json.ts'
import type { Token, World } from './world.ts'
import type { Writer } from './writer.ts'

export interface Cloud {
  readonly world: World
  readonly connectors: Connectors
  readonly writer: Writer
}

export interface Asked {
  readonly cloud: Cloud
  readonly token: Token
  /** What stands in the path, in order, without the account or the zone. */
  readonly parts: readonly string[]
  /** Of the path. */
  readonly zone: string
  readonly query: URLSearchParams
  readonly body: Json
}

export interface Route {
  readonly verb: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** `:account` and `:zone` are looked at for all; every further `:name` is one of `parts`. */
  readonly path: string
  /** Undefined: any token. */
  readonly permission?: string
  /** @throws Refusal */
  run(asked: Asked): unknown
}
