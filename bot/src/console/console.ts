/** The console: pages made on the server, forms that work without a script, and events that keep them live. */
import { errorData, HomelabError, isHomelabError } from '@homelab/core'
import { type Context, Hono } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { readBody, sameSecret, statusOf, TooLong, unexpected } from '../api/http.ts'
import { loadAssets } from './assets.ts'
import { deskRoutes } from './desk-routes.ts'
import { createGlanceFeed } from './feed.ts'
import { hostAllowed, localPath, sameOrigin, securityHeaders, socketOf } from './guard.ts'
import { runRoutes } from './run-routes.ts'
import { type Session, Sessions, same, sessionSeconds, Throttle } from './sessions.ts'
import type { ConsoleOptions } from './types.ts'
import { helpView } from './view/help.ts'
import { type Html, render } from './view/html.ts'
import { loginView, messageView, type Page, pageView } from './view/page.ts'

export interface ConsoleEnv {
  Variables: {
    session: Session
    /** The fields of a posted form. */
    form: URLSearchParams
  }
}

/** What the routes of one area need of the rest. */
export interface Frame {
  readonly options: ConsoleOptions
  page(c: Context<ConsoleEnv>, page: Pick<Page, 'title' | 'here' | 'live'> & { main: Html }): Response
  context(c: Context<ConsoleEnv>): { readonly now: Date; readonly csrf: string }
}

/** More than a garbage paste of 64 KiB takes after a browser has encoded it. */
const maxFormBytes = 256 * 1024

export function createConsole(options: ConsoleOptions): Hono<ConsoleEnv> {
  const { login, about, onBug, hosts = [], now = () => new Date() } = options
  const sessions = new Sessions(options.sessionKey, now)
  const throttle = new Throttle(now)
  const feed = createGlanceFeed(options.glance)
  const assets = loadAssets()
  const app = new Hono<ConsoleEnv>()

  const frame: Frame = {
    options,
    context: (c) => ({ now: now(), csrf: c.get('session').csrf }),
    page(c, page) {
      const session: Session | undefined = c.get('session')
      const markup = pageView({
        ...page,
        lab: about.lab,
        assets: assets.version,
        ...(session === undefined
          ? {}
          : { session: { csrf: session.csrf, canLeave: login.kind === 'token' } }),
      })
      c.header('cache-control', 'no-store')
      return c.html(render(markup))
    },
  }

  app.use('*', async (c, next) => {
    for (const [name, value] of Object.entries(securityHeaders)) c.header(name, value)
    const allowed = hostAllowed(c.req.header('host'), socketOf(c).localPort, {
      loopbackOnly: login.kind === 'loopback',
      hosts,
    })
    if (allowed) return await next()
    const error = new HomelabError('denied', 'This console does not go by that name.', {
      hint: 'Open it by the address that the bot printed, or add the name to the hosts of its console.',
    })
    return failure(c, error)
  })

  app.get('/console/assets/:name', (c) => {
    const asset = assets.files.get(c.req.param('name'))
    if (asset === undefined) return c.notFound()
    c.header('etag', asset.tag)
    c.header('cache-control', 'no-cache')
    if (c.req.header('if-none-match') === asset.tag) return c.body(null, 304)
    c.header('content-type', asset.type)
    return c.body(asset.body)
  })

  // Everything that changes something is a POST: from one of our own pages, of this very session.
  app.use('*', async (c, next) => {
    const cookie = cookieName(c)
    let session = sessions.read(getCookie(c, cookie))
    const open = c.req.path === '/login'
    if (session === undefined && login.kind === 'loopback' && c.req.method === 'GET') {
      session = sessions.create()
      grant(c, session)
    }
    if (session !== undefined) c.set('session', session)
    if (c.req.method !== 'GET' && c.req.method !== 'HEAD') {
      if (!sameOrigin(c)) throw new HomelabError('denied', 'This did not come from a page of the console.')
      const form = new URLSearchParams(await readBody(c.req.raw, maxFormBytes))
      c.set('form', form)
      const proof = c.req.header('x-csrf') ?? form.get('csrf') ?? ''
      if (session !== undefined && !open && !same(proof, session.csrf)) throw stale()
    }
    if (session !== undefined || open) return await next()
    if (login.kind === 'loopback') throw stale()
    if (wantsPage(c)) return c.redirect(`/login?next=${encodeURIComponent(localPath(c.req.path))}`)
    throw new HomelabError('unauthorised', 'Log in first.', { hint: 'Open the console again.' })
  })

  app.get('/login', (c) => {
    const next = localPath(c.req.query('next') ?? '/')
    if (login.kind === 'loopback' || c.get('session') !== undefined) return c.redirect(next)
    return frame.page(c, { title: 'Log in', main: loginView({ next }) })
  })

  app.post('/login', (c) => {
    const form = c.get('form')
    const next = localPath(form.get('next') ?? '/')
    if (login.kind === 'loopback') return c.redirect(next, 303)
    const address = socketOf(c).remoteAddress ?? ''
    const wait = throttle.wait(address)
    if (wait === 0 && sameSecret(form.get('token')?.trim() ?? '', login.token)) {
      throttle.passed(address)
      grant(c, sessions.create())
      return c.redirect(next, 303)
    }
    // A try during the wait is not looked at, so it tells nothing and costs nothing.
    if (wait === 0) throttle.failed(address)
    const left = throttle.wait(address)
    c.status(left > 0 ? 429 : 401)
    if (left > 0) c.header('retry-after', String(left))
    const problem =
      left > 0
        ? `Too many wrong tokens. Try again in ${left} s.`
        : 'That is not the token. The bot printed where it keeps it when it started.'
    return frame.page(c, { title: 'Log in', main: loginView({ next, problem }) })
  })

  app.post('/logout', (c) => {
    sessions.end(c.get('session'))
    setCookie(c, cookieName(c), '', { path: '/', maxAge: 0 })
    return c.redirect('/login', 303)
  })

  app.get('/help', (c) =>
    frame.page(c, { title: 'Help', here: '/help', main: helpView(options.commands(options.caller)) }),
  )

  app.route('/', deskRoutes(frame, feed))
  app.route('/', runRoutes(frame))

  // A route, not a handler of this app alone: it stays when the app is mounted in another.
  app.all('*', (c) =>
    failure(c, new HomelabError('not-found', 'There is no such page.', { hint: 'It may have moved.' })),
  )

  app.onError((error, c) => {
    if (!isHomelabError(error)) onBug?.(error)
    return failure(c, error)
  })

  /** What went wrong, as a page for a person and as JSON for the page's script. */
  function failure(c: Context<ConsoleEnv>, error: unknown): Response {
    const data = isHomelabError(error) ? errorData(error) : unexpected
    c.status(error instanceof TooLong ? 413 : statusOf(data.code))
    if (!wantsPage(c)) return c.json(data)
    const title = { 'not-found': 'Not found', denied: 'Not allowed', bug: 'Something broke' }
    const heading = Object.entries(title).find(([code]) => code === data.code)?.[1] ?? 'That did not work'
    return frame.page(c, { title: heading, main: messageView(heading, data.message, data.hint) })
  }

  function grant(c: Context<ConsoleEnv>, session: Session): void {
    setCookie(c, cookieName(c), session.value, {
      path: '/',
      httpOnly: true,
      sameSite: 'Strict',
      secure: c.req.header('x-forwarded-proto') === 'https',
      maxAge: sessionSeconds,
    })
  }

  return app
}

// Cookies know no ports: two consoles on one machine would log each other out.
const cookieName = (c: Context): string =>
  `homelab_${/:(\d+)$/.exec(c.req.header('host') ?? '')?.[1] ?? '80'}`

/** The script of the page says that it wants JSON; everything else is a person. */
const wantsPage = (c: Context): boolean => !/json|event-stream/.test(c.req.header('accept') ?? '')

const stale = (): HomelabError =>
  new HomelabError('denied', 'This page is from before a restart of the bot, or from another session.', {
    hint: 'Load the page again, then repeat what you did.',
  })
