/** From a path to its method, in the order of the real server: login, privilege, proxy to the node, parameters. */

import type { Sim } from '../sim.ts'
import type { Caller } from './access.ts'
import type { Auth } from './auth.ts'
import { die, PveError } from './error.ts'
import type { Param, Params } from './params.ts'
import { check, node, text, vmid } from './params.ts'
import type { Route } from './route.ts'
import { permit } from './route.ts'

interface Compiled {
  readonly route: Route
  readonly pattern: RegExp
  readonly names: readonly string[]
  readonly params: Params
}

export interface Found extends Compiled {
  readonly path: Readonly<Record<string, string>>
}

/** Milliseconds that a connection to a node that is gone takes to fail. */
const NO_ROUTE_MS = 3_000

const pathParams: Readonly<Record<string, Param>> = {
  node,
  vmid,
  storage: { type: 'string', format: 'storage' },
  snapname: { type: 'string', format: 'configid' },
}

const fill = (template: string, values: Readonly<Record<string, string>>): string =>
  template.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '')

function compile(route: Route): Compiled {
  const names = [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '')
  // A volume id holds slashes; nothing else does.
  const pattern = new RegExp(
    `^${route.path.replace(/\{(\w+)\}/g, (_, name: string) => (name === 'volume' ? '(.+)' : '([^/]+)'))}/?$`,
  )
  return {
    route,
    names,
    pattern,
    params: { ...route.params, ...Object.fromEntries(names.map((name) => [name, pathParams[name] ?? text])) },
  }
}

export class Router {
  readonly #routes: readonly Compiled[]
  readonly #paths: ReadonlyMap<string, readonly Compiled[]>

  constructor(routes: readonly Route[]) {
    this.#routes = routes.map(compile)
    this.#paths = Map.groupBy(this.#routes, ({ route }) => route.verb)
  }

  find(verb: string, path: string): Found | undefined {
    for (const compiled of this.#paths.get(verb) ?? []) {
      const match = compiled.pattern.exec(path)
      if (match)
        return {
          ...compiled,
          path: Object.fromEntries(compiled.names.map((name, index) => [name, match[index + 1] ?? ''])),
        }
    }
    return undefined
  }

  async call(
    found: Found,
    context: { sim: Sim; auth: Auth; caller: Caller; local: string },
    given: Readonly<Record<string, string>>,
  ): Promise<unknown> {
    const { sim, caller, local } = context
    const values = { ...given, ...found.path }
    const { allow } = found.route
    if (typeof allow === 'object') permit(sim, caller, fill(allow.path, values), allow.privs, allow.any)
    const target = found.path.node
    if (target !== undefined && target !== local && target !== 'localhost') {
      if (!sim.lab.node(target)) {
        throw die(
          `hostname lookup '${target}' failed - failed to get address info for: ${target}: Name or service not known`,
        )
      }
      if (!sim.lab.online(target)) {
        await sim.clock.sleep(NO_ROUTE_MS)
        throw new PveError(595, 'No route to host')
      }
    }
    check(found.params, values)
    const node = target === 'localhost' ? local : target
    return await found.route.handle({ ...context, values: node === undefined ? values : { ...values, node } })
  }
}
