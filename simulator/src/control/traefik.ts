import { Hono } from 'hono'
import { bodyOf } from '../process/control.ts'
import type { Traefik } from '../traefik/traefik.ts'

/** What tests do to Traefik behind homelab's back, and see of it. */
export function traefikRoutes(traefik: Traefik): Hono {
  const api = new Hono()
  api.get('/', (context) => context.json(traefik.view()))
  api.post('/files', async (context) => {
    for (const [name, text] of Object.entries(await bodyOf(context.req)))
      traefik.put(name, text === null ? null : String(text))
    return context.json({})
  })
  api.post('/http', async (context) => {
    const { endpoint, headers } = await bodyOf(context.req)
    const sent = Object.entries(typeof headers === 'object' && headers !== null ? headers : {})
    traefik.poll(
      typeof endpoint === 'string'
        ? { endpoint, headers: Object.fromEntries(sent.map(([name, value]) => [name, String(value)])) }
        : undefined,
    )
    return context.json({})
  })
  return api
}
