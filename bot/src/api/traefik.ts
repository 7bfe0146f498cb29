/**
 * The document that Traefik's HTTP provider polls: the routes that homelab has made. It is served to whoever has its token,
 * which opens nothing else.
 */
import { createHash, randomBytes } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ErrorData, HomelabError, Secret } from '@homelab/core'
import { type Documents, documentOf, StoredRoute, type TraefikRoute } from '@homelab/core/traefik'
import { type Context, Hono } from 'hono'
import { z } from 'zod'
import type { FactStore } from '../chat/connector.ts'
import { socketOf } from '../console/guard.ts'
import { Throttle } from '../console/sessions.ts'
import { sameSecret, statusOf } from './http.ts'

const FACT = 'traefik/routes'
const Stored = z.array(StoredRoute)

export interface StoredDocuments extends Documents {
  /** Whether there ever was a route in this store: without that its emptiness says nothing. */
  written(): boolean
}

/**
 * @param facts asked for at the first use: the store is opened after what uses this
 * @throws HomelabError `failed` at use when what is stored cannot be read: an empty document would take every route away
 */
export function createDocuments(facts: () => FactStore): StoredDocuments {
  let kept: readonly TraefikRoute[] | undefined
  return {
    routes() {
      kept ??= read(facts())
      return kept
    },
    written: () => facts().get(FACT) !== undefined,
    async save(next) {
      const stored = next.map(({ entryPoints, middlewares, ...route }) => ({
        ...route,
        entryPoints: [...entryPoints],
        middlewares: [...middlewares],
      }))
      await facts().set(FACT, stored)
      // Served when it is stored, and not before: what Traefik has, a restart must have, too.
      kept = next
    },
  }
}

function read(facts: FactStore): readonly TraefikRoute[] {
  const stored = Stored.safeParse(facts.get(FACT) ?? [])
  if (stored.success)
    return stored.data.map(({ insecureBackend, ...route }) => ({
      ...route,
      ...(insecureBackend === undefined ? {} : { insecureBackend }),
    }))
  throw new HomelabError('failed', 'The routes for Traefik in the store cannot be read.', {
    hint: 'They were written by another version of homelab: use that one, or expose the services again.',
    cause: stored.error,
  })
}

/** Kept, so that Traefik's static configuration outlives a restart. Made when it is asked for first. */
export async function traefikToken(stateDir: string): Promise<Secret> {
  const file = join(stateDir, 'traefik-token')
  const kept = (await readFile(file, 'utf8').catch(() => '')).trim()
  if (kept.length >= 32) return new Secret(kept)
  const token = randomBytes(32).toString('base64url')
  await writeFile(`${file}.part`, token, { mode: 0o600 })
  await rename(`${file}.part`, file)
  return new Secret(token)
}

export interface TraefikDocumentOptions {
  readonly documents: Pick<StoredDocuments, 'routes' | 'written'>
  readonly token: Secret
}

/** `GET /traefik`. Traefik keeps what it has while the answer is anything but a 200. */
export function createTraefikDocument({ documents, token }: TraefikDocumentOptions): Hono {
  const app = new Hono()
  const throttle = new Throttle()

  const refuse = (c: Context, given: boolean) => {
    const address = socketOf(c).remoteAddress ?? ''
    if (given) throttle.failed(address)
    const seconds = throttle.wait(address)
    c.header('www-authenticate', 'Bearer realm="homelab"')
    const error = {
      code: 'unauthorised',
      message: given ? 'The token for Traefik is wrong.' : 'This needs the token for Traefik.',
      hint: 'providers.http.headers.Authorization of its static configuration is `Bearer ` and what is in traefik-token of the state folder.',
    } satisfies ErrorData
    if (!given || seconds === 0) return c.json(error, statusOf('unauthorised'))
    c.header('retry-after', String(seconds))
    return c.json({ ...error, message: 'Too many wrong tokens.', hint: `Try again in ${seconds} s.` }, 429)
  }

  app.get('/traefik', (c) => {
    c.header('cache-control', 'no-cache')
    const [scheme = '', given = ''] = (c.req.header('authorization') ?? '').split(' ')
    const bearer = scheme.toLowerCase() === 'bearer' && given !== ''
    // A right token is let in all the same: nobody can keep Traefik out by guessing.
    if (!bearer || !sameSecret(given, token)) return refuse(c, bearer)
    // A store that was lost, or is a new one beside the old token: `{}` would take every route away.
    if (!documents.written())
      return c.json(
        {
          code: 'failed',
          message: 'No route was ever written here: Traefik keeps those that it has.',
          hint: 'It is served as soon as a service is exposed.',
        } satisfies ErrorData,
        503,
      )
    const document = documentOf(documents.routes())
    const tag = `"${createHash('sha256').update(document).digest('base64url')}"`
    c.header('etag', tag)
    // Only for who asks so: Traefik does not, and would take a 304 for a failure.
    if (c.req.header('if-none-match') === tag) return c.body(null, 304)
    return c.body(document, 200, { 'content-type': 'application/json' })
  })
  return app
}
