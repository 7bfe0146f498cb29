/** The runs: what was done, what goes on, and how to stop it. */
import { randomUUID } from 'node:crypto'
import { HomelabError, type RunLogLine, type RunView } from '@homelab/core'
import { type Context, Hono } from 'hono'
import { eventStream } from '../api/sse.ts'
import type { ConsoleEnv, Frame } from './console.ts'
import { cardAnchor } from './view/card.ts'
import { render } from './view/html.ts'
import { goesOn, runBody, runsTable, runsView, runView } from './view/runs.ts'

const listed = 100
const logLines = 500
const lookMs = 1_000
/** A cancel takes effect when the run notices; its card says so if that takes longer. */
const cancelMs = 3_000

export function runRoutes({ options, page, context }: Frame): Hono<ConsoleEnv> {
  const { runs, desk, caller } = options
  const app = new Hono<ConsoleEnv>()

  app.get('/runs', async (c) => {
    const main = runsView(await runs.list({ limit: listed }), context(c))
    return page(c, { title: 'Runs', here: '/runs', live: '/runs/events', main })
  })

  app.get('/runs/events', (c) =>
    polled(c, async () => ({
      part: { id: 'runs', html: render(runsTable(await runs.list({ limit: listed }), context(c))) },
      ended: false,
    })),
  )

  app.get('/runs/:id', async (c) => {
    const { run, log } = await load(c.req.param('id'))
    const live = goesOn(run) ? { live: `/runs/${encodeURIComponent(run.id)}/events` } : {}
    return page(c, { title: run.title, here: '/runs', ...live, main: runView(run, log, context(c)) })
  })

  app.get('/runs/:id/events', (c) =>
    polled(c, async () => {
      const { run, log } = await load(c.req.param('id'))
      return { part: { id: 'run', html: render(runBody(run, log, context(c))) }, ended: !goesOn(run) }
    }),
  )

  // Said as a command, so that rights and audit are those of every other way to say it.
  app.post('/runs/:id/cancel', async (c) => {
    const { run } = await load(c.req.param('id'))
    const key = `cancel-${randomUUID()}`
    desk.submit({ text: `run cancel ${run.id}`, caller, place: { surface: 'console', channel: 'desk' }, key })
    const posted = await desk
      .settled(key, { signal: AbortSignal.timeout(cancelMs) })
      .catch(() => desk.board.get(key))
    const refused = posted?.error !== undefined
    return c.redirect(refused ? `/#${cardAnchor(key)}` : `/runs/${encodeURIComponent(run.id)}`, 303)
  })

  async function load(id: string): Promise<{ run: RunView; log: readonly RunLogLine[] }> {
    const run = await runs.get(id)
    if (run === undefined)
      throw new HomelabError('not-found', 'There is no such run.', { hint: 'Old runs are cleared away.' })
    return { run, log: await runs.log(id, logLines) }
  }

  return app
}

interface Polled {
  readonly part: { readonly id: string; readonly html: string }
  readonly ended: boolean
}

/** A part of a page, looked at every second while somebody watches; sent when it differs. */
function polled(c: Context<ConsoleEnv>, look: () => Promise<Polled>): Response {
  const events = eventStream((out) => {
    let last = ''
    let timer: NodeJS.Timeout | undefined
    let stopped = false
    const go = async () => {
      try {
        const { part, ended } = await look()
        // Keys of forms are new each time; they alone are no news.
        const shown = part.html.replace(/ name="key" value="[^"]*"/g, '')
        if (shown !== last) out.put('part', 'part', part)
        last = shown
        if (ended) {
          out.put('end', 'end', {})
          return out.end()
        }
      } catch {
        // The store may be busy for a moment; the next look tells.
      }
      if (!stopped) timer = setTimeout(() => void go(), lookMs)
    }
    void go()
    return () => {
      stopped = true
      clearTimeout(timer)
    }
  }, c.req.raw.signal)
  return c.newResponse(events.body, events)
}
