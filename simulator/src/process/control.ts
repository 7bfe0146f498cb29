/** The control port of a peer: faults and events for tests, and what else it adds. No part of what it stands for. */
import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import type { EventLog } from './event-log.ts'
import { mergeFaults } from './faults.ts'
import { listen } from './listen.ts'

export interface Control {
  readonly url: string
  close(): Promise<void>
}

export interface Controlled {
  readonly faults: object
  readonly journal: Pick<EventLog<object>, 'waitFor'>
  /** Puts the faults into effect that are more than a value to look at. */
  readonly applyFaults?: () => Promise<void> | void
}

/**
 * The body of a request; none is an empty one.
 * @throws Error when it is not an object
 */
export async function bodyOf(request: { text(): Promise<string> }): Promise<Record<string, unknown>> {
  const text = await request.text()
  const value: unknown = text === '' ? {} : JSON.parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error('the body must be an object')
  return { ...value }
}

/** With the routes that every peer has. What a route throws is a 400 with its sentence. */
export function controlApi({ faults, journal, applyFaults }: Controlled): Hono {
  const api = new Hono()
  api.onError((error, context) => context.json({ error: error.message }, 400))
  api.get('/faults', (context) => context.json(faults))
  api.post('/faults', async (context) => {
    mergeFaults(faults, await context.req.json())
    await applyFaults?.()
    return context.json(faults)
  })
  api.post('/wait', async (context) => {
    const { match, after, count, timeoutMs } = await bodyOf(context.req)
    const found = await journal.waitFor(match, {
      after: Number(after ?? 0),
      count: Number(count ?? 1),
      timeoutMs: Number(timeoutMs ?? 10_000),
    })
    return found
      ? context.json({ events: found })
      : context.json({ error: 'nothing like that happened in time' }, 408)
  })
  return api
}

export async function serveControl(api: Hono): Promise<Control> {
  const { port, close } = await listen(createAdaptorServer({ fetch: api.fetch }) as Server, 0)
  return { url: `http://127.0.0.1:${port}`, close }
}
