import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Secret } from '@homelab/core'
import { createDocument, hostRule, type TraefikRoute } from '@homelab/core/traefik'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openStore } from '../store/index.ts'
import { createDocuments, createTraefikDocument, traefikToken } from './traefik.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'homelab-traefik-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const token = new Secret('the-token-of-traefik')
const jellyfin: TraefikRoute = {
  name: 'homelab-jellyfin',
  rule: hostRule('jellyfin.example.org'),
  hostname: 'jellyfin.example.org',
  service: 'http://192.168.1.111:8096',
  entryPoints: ['web'],
  middlewares: [],
}

const serve = (routes: readonly TraefikRoute[] = []) =>
  createTraefikDocument({ documents: { routes: () => routes, written: () => true }, token })
const get = (app: ReturnType<typeof serve>, headers: Record<string, string>) =>
  app.request('/traefik', { headers })
const bearer = { authorization: `Bearer ${token.reveal()}` }

it('gives the document to the token alone', async () => {
  const app = serve([jellyfin])
  const answer = await get(app, bearer)
  expect(answer.status).toBe(200)
  expect(await answer.json()).toEqual({
    http: {
      routers: {
        'homelab-jellyfin': {
          rule: 'Host(`jellyfin.example.org`)',
          service: 'homelab-jellyfin',
          entryPoints: ['web'],
        },
      },
      services: {
        'homelab-jellyfin': { loadBalancer: { servers: [{ url: 'http://192.168.1.111:8096' }] } },
      },
    },
  })
  for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: token.reveal() }]) {
    const refused = await get(app, headers as Record<string, string>)
    expect(refused.status).toBe(401)
    expect(await refused.text()).not.toContain('jellyfin')
  }
})

it('slows down who guesses, and never the one with the token', async () => {
  const app = serve()
  const statuses: number[] = []
  for (let n = 0; n < 8; n += 1) statuses.push((await get(app, { authorization: `Bearer wrong${n}` })).status)
  expect(statuses.at(-1)).toBe(429)
  expect((await get(app, bearer)).status).toBe(200)
})

it('says nothing new with a 304, to who asks for it', async () => {
  const app = serve([jellyfin])
  const tag = (await get(app, bearer)).headers.get('etag') ?? ''
  const again = await get(app, { ...bearer, 'if-none-match': tag })
  expect([again.status, await again.text()]).toEqual([304, ''])
  const changed = await get(serve(), { ...bearer, 'if-none-match': tag })
  expect([changed.status, await changed.text()]).toEqual([200, '{}\n'])
})

it('has every route again after a restart', async () => {
  const file = join(dir, 'desk.db')
  const before = await openStore(file)
  const place = createDocument(createDocuments(() => before.facts))
  await Promise.all([
    place.put(jellyfin),
    place.put({ ...jellyfin, name: 'homelab-nas', insecureBackend: true }),
  ])
  await before.close()
  const after = await openStore(file)
  expect(createDocuments(() => after.facts).routes()).toEqual([
    jellyfin,
    { ...jellyfin, name: 'homelab-nas', insecureBackend: true },
  ])
  await after.close()
})

it('does not take routes away because it cannot read what is stored', () => {
  const facts = { get: () => [{ name: 'of another version' }], set: async () => {} }
  expect(() => createDocuments(() => facts).routes()).toThrow('cannot be read')
})

it('takes no route away because its store is a new one, and serves an empty document once the last is taken back', async () => {
  const store = await openStore(join(dir, 'desk.db'))
  const documents = createDocuments(() => store.facts)
  const app = createTraefikDocument({ documents, token })
  const empty = await get(app, bearer)
  expect([empty.status, await empty.json()]).toMatchObject([503, { code: 'failed' }])
  expect((await get(app, { authorization: 'Bearer wrong' })).status).toBe(401)
  const place = createDocument(documents)
  await place.put(jellyfin)
  expect((await get(app, bearer)).status).toBe(200)
  await place.remove(jellyfin.name)
  const gone = await get(app, bearer)
  expect([gone.status, await gone.text()]).toEqual([200, '{}\n'])
  await store.close()
})

it('serves no route that is not stored', async () => {
  const facts = {
    get: () => undefined,
    set: async () => {
      throw new Error('disk full')
    },
  }
  const documents = createDocuments(() => facts)
  await expect(createDocument(documents).put(jellyfin)).rejects.toThrow('disk full')
  expect(documents.routes()).toEqual([])
})

it('keeps its token, for its owner alone', async () => {
  const first = await traefikToken(dir)
  expect(first.reveal()).toHaveLength(43)
  expect((await traefikToken(dir)).reveal()).toBe(first.reveal())
  expect(statSync(join(dir, 'traefik-token')).mode & 0o777).toBe(0o600)
})
