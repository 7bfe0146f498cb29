/** The desk: the command box, the cards, the lab at a glance, and the events that keep them live. */
import { randomUUID } from 'node:crypto'
import { HomelabError } from '@homelab/core'
import { type Context, Hono } from 'hono'
import { buttonAction, maxCommandChars } from '../api/schema.ts'
import { eventStream } from '../api/sse.ts'
import type { Place, Posted } from '../chat/types.ts'
import type { ConsoleEnv, Frame } from './console.ts'
import type { GlanceFeed } from './feed.ts'
import { cardAnchor, cardView, type ViewContext, versionOf } from './view/card.ts'
import { deskView } from './view/desk.ts'
import { type GlanceState, glanceLine, glanceView } from './view/glance.ts'
import { render } from './view/html.ts'

/** One desk for all its windows. */
const place: Place = { surface: 'console', channel: 'desk' }
const shownCards = 30
/** How long the first page waits for the lab, before it is sent with an empty panel that fills itself. */
const firstLookMs = 250

const prefix = /^\s*\/homelab(?:\s+|$)/i

export function deskRoutes({ options, page, context }: Frame, feed: GlanceFeed): Hono<ConsoleEnv> {
  const { desk, caller } = options
  const app = new Hono<ConsoleEnv>()
  const recent = () => desk.board.recent(place, shownCards)

  app.get('/', async (c) => {
    const text = (c.req.query('text') ?? '').slice(0, maxCommandChars)
    const glance = await feed.fresh(firstLookMs)
    const cards = recent().toReversed()
    const main = deskView({ cards, glance, text, examples: examplesFor(glance) }, context(c))
    return page(c, { title: 'Desk', here: '/', live: '/console/events', main })
  })

  app.post('/console/commands', (c) => {
    const form = c.get('form')
    const text = (form.get('text') ?? '').replace(prefix, '').trim()
    if (text === '') throw new HomelabError('usage', 'Type a command first.', { hint: '`help` lists them.' })
    if (text.length > maxCommandChars) {
      const [given, most] = [text.length, maxCommandChars].map((count) => count.toLocaleString('en'))
      throw new HomelabError('usage', `That is ${given} characters; a command has at most ${most}.`)
    }
    return answer(c, desk.submit({ text, caller, place, key: keyOf(form) }))
  })

  app.post('/console/cards/:id/press', (c) => {
    const form = c.get('form')
    const { id } = shown(c.req.param('id'))
    const checked = buttonAction.safeParse(parsed(form.get('action') ?? ''))
    if (!checked.success) throw new HomelabError('usage', 'There is no such button.')
    return answer(c, desk.press(id, checked.data, caller, keyOf(form)))
  })

  app.get('/console/cards/:id/attachments/:index', (c) => {
    const { card } = shown(c.req.param('id'))
    const file = card.attachments?.[Number(c.req.param('index'))]
    if (file === undefined) throw new HomelabError('not-found', 'There is no such attachment.')
    // Never shown in the page's own origin, whatever its type claims to be.
    c.header('content-type', 'application/octet-stream')
    c.header('content-disposition', `attachment; filename*=UTF-8''${encodeURIComponent(file.name)}`)
    return c.body(file.text)
  })

  app.get('/console/complete', (c) => {
    const typed = (c.req.query('line') ?? '').slice(0, maxCommandChars)
    const [lead = ''] = prefix.exec(typed) ?? []
    const completions = desk.complete(typed.slice(lead.length), caller)
    return c.json(completions.map((completion) => ({ ...completion, line: lead + completion.line })))
  })

  app.get('/console/history', (c) => c.json(desk.history(caller, 100)))

  app.get('/console/events', (c) => {
    const own = context(c)
    // Each event is drawn when it leaves, so its relative times are of then.
    const view = (): ViewContext => ({ csrf: own.csrf, now: options.now?.() ?? new Date() })
    const events = eventStream((out) => {
      const show = (posted: Posted) => out.put(posted.id, 'card', cardEvent(posted, view()))
      const look = (state: GlanceState) => {
        if (state.glance === undefined && state.problem === undefined) return
        out.put('glance', 'glance', {
          html: render(glanceView(state, view())),
          line: render(glanceLine(state)),
        })
      }
      // A page from before a restart learns its new proof here and can go on.
      out.put('hello', 'hello', { csrf: own.csrf })
      const changed = (posted: Posted) => {
        show(posted)
        if (posted.state === 'done' && posted.run !== undefined) feed.nudge()
      }
      const stops = [desk.board.subscribe(place.surface, changed), feed.watch(look)]
      for (const posted of recent()) show(posted)
      look(feed.state)
      return () => {
        for (const stop of stops) stop()
      }
    }, c.req.raw.signal)
    return c.newResponse(events.body, events)
  })

  function answer(c: Context<ConsoleEnv>, posted: Posted): Response {
    if (/json/.test(c.req.header('accept') ?? '')) return c.json(cardEvent(posted, context(c)), 202)
    return c.redirect(`/#${cardAnchor(posted.id)}`, 303)
  }

  function shown(id: string): Posted {
    const posted = desk.board.get(id)
    if (posted?.place.surface === place.surface) return posted
    throw new HomelabError('not-found', 'This card is gone.', { hint: 'Type the command again.' })
  }

  return app
}

const cardEvent = (posted: Posted, view: ViewContext) => ({
  id: cardAnchor(posted.id),
  version: versionOf(posted),
  state: posted.state,
  said: `${posted.command.slice(0, 100)}: ${posted.card.title}`,
  html: render(cardView(posted, view)),
})

/** The page makes one for each submission: a double click, or a form sent again, is one command. */
function keyOf(form: URLSearchParams): string {
  const key = form.get('key') ?? ''
  return /^[\w-]{8,80}$/.test(key) ? key : randomUUID()
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What a newcomer can press: with names that are really there. */
function examplesFor({ glance }: GlanceState): string[] {
  const services = glance?.services.filter(({ guest }) => guest === 'running') ?? []
  const some = services.find(({ name }) => name === 'plex') ?? services[0]
  return [
    'status',
    ...(some === undefined ? [] : [`restart ${some.name}`, `logs ${some.name}`]),
    'guest list',
    'help',
  ]
}
