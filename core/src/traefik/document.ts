/** Routes as the one document that Traefik's HTTP provider polls. */
import { z } from 'zod'
import { HomelabError } from '../errors.ts'
import { checkName, checkRoute } from './names.ts'
import { sameRoute } from './route-file.ts'
import type { Documents, RouteFile, RoutePlace, TraefikRoute } from './types.ts'

/** A route as it is kept. */
export const StoredRoute = z.strictObject({
  name: z.string(),
  rule: z.string(),
  hostname: z.string(),
  service: z.string(),
  entryPoints: z.array(z.string()),
  middlewares: z.array(z.string()),
  insecureBackend: z.literal(true).optional(),
})

const textOf = (route: TraefikRoute): string => JSON.stringify(route)

function routeOf(text: string): TraefikRoute {
  try {
    const { insecureBackend, ...route } = StoredRoute.parse(JSON.parse(text))
    return { ...route, ...(insecureBackend === undefined ? {} : { insecureBackend }) }
  } catch (error) {
    throw new HomelabError('bug', 'What is to be put back is no route.', { cause: error })
  }
}

/**
 * What Traefik gets. Without routes it is `{}`, which takes all of them away; an empty map further in
 * (`{"http": {}}`) would be refused, and Traefik would keep what it had.
 */
export function documentOf(routes: readonly TraefikRoute[]): string {
  if (routes.length === 0) return '{}\n'
  const sorted = routes.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const list = (key: string, values: readonly string[]) => (values.length === 0 ? {} : { [key]: values })
  const insecure = sorted.filter((route) => route.insecureBackend)
  const http = {
    routers: Object.fromEntries(
      sorted.map(({ name, rule, entryPoints, middlewares }) => [
        name,
        { rule, service: name, ...list('entryPoints', entryPoints), ...list('middlewares', middlewares) },
      ]),
    ),
    services: Object.fromEntries(
      sorted.map(({ name, service, insecureBackend }) => [
        name,
        {
          loadBalancer: {
            servers: [{ url: service }],
            ...(insecureBackend ? { serversTransport: name } : {}),
          },
        },
      ]),
    ),
    ...(insecure.length === 0
      ? {}
      : {
          serversTransports: Object.fromEntries(
            insecure.map(({ name }) => [name, { insecureSkipVerify: true }]),
          ),
        }),
  }
  return `${JSON.stringify({ http }, undefined, 2)}\n`
}

export function createDocument(documents: Documents): RoutePlace {
  const find = (name: string) => documents.routes().find((route) => route.name === name)
  const without = (name: string) => documents.routes().filter((route) => route.name !== name)
  // Two changes at once would each write the document of before.
  let last: Promise<void> = Promise.resolve()
  const change = (next: () => readonly TraefikRoute[] | undefined): Promise<void> => {
    const done = last.then(async () => {
      const routes = next()
      if (routes !== undefined) await documents.save(routes)
    })
    last = done.catch(() => undefined)
    return done
  }
  const set = (route: TraefikRoute) =>
    change(() => {
      const now = find(route.name)
      return now !== undefined && sameRoute(now, route) ? undefined : [...without(route.name), route]
    })
  const remove = (name: string) => {
    checkName(name)
    return change(() => (find(name) === undefined ? undefined : without(name)))
  }
  return {
    provider: 'http',
    files: async () =>
      documents.routes().map(
        (route): RouteFile => ({
          name: route.name,
          path: `${route.name} (document of homelab)`,
          text: textOf(route),
          route,
          hostnames: [route.hostname],
          routers: [route.name],
          ours: true,
        }),
      ),
    async read(name) {
      checkName(name)
      const route = find(name)
      return route === undefined ? undefined : textOf(route)
    },
    async put(route) {
      checkRoute(route)
      await set(route)
    },
    remove,
    async restore(name, text) {
      if (text === undefined) return await remove(name)
      const route = routeOf(text)
      if (route.name !== name) throw new HomelabError('bug', `What is to be put back is not ${name}.`)
      checkRoute(route)
      await set(route)
    },
  }
}
