import type { Sim } from '../sim.ts'
import type { Caller } from './access.ts'
import type { Auth } from './auth.ts'
import { PveError } from './error.ts'
import type { Params, Values } from './params.ts'

export type Verb = 'GET' | 'POST' | 'PUT' | 'DELETE'

export interface Call {
  readonly sim: Sim
  readonly auth: Auth
  readonly caller: Caller
  /** Path, query and form parameters, checked. */
  readonly values: Values
  /** Whose endpoint was asked. */
  readonly local: string
}

/** A list of which there is more: `total` stands beside `data`. */
export class Listing {
  readonly data: readonly unknown[]
  readonly total: number

  constructor(data: readonly unknown[], total: number) {
    this.data = data
    this.total = total
  }
}

/** An answer that was serialised before: `{"data": …}`. */
export class Ready {
  readonly body: Buffer

  constructor(body: Buffer) {
    this.body = body
  }
}

export interface Route {
  readonly verb: Verb
  /** As in the official schema: `/nodes/{node}/lxc/{vmid}/config`. */
  readonly path: string
  /** Besides those in the path. */
  readonly params?: Params
  /** `world`: without a login; `all`: any login, and the method filters what it shows. */
  readonly allow:
    | 'world'
    | 'all'
    | { readonly path: string; readonly privs: readonly string[]; readonly any?: boolean }
  handle(call: Call): unknown
}

/** @throws PveError 403 naming the path and the privilege */
export function permit(sim: Sim, caller: Caller, path: string, privs: readonly string[], any = false): void {
  if (sim.access.may(caller, path, privs, any)) return
  const missing = any ? privs.join('|') : (privs.find((priv) => !sim.access.may(caller, path, [priv])) ?? '')
  throw new PveError(403, `Permission check failed (${path}, ${missing})`)
}
