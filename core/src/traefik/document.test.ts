import { expect, test } from 'vitest'
import { createDocument, documentOf } from './document.ts'
import { hostRule } from './names.ts'
import type { TraefikRoute } from './types.ts'

const route = (service: string, change: Partial<TraefikRoute> = {}): TraefikRoute => ({
  name: `homelab-${service}`,
  rule: hostRule(`${service}.example.org`),
  hostname: `${service}.example.org`,
  service: 'http://10.0.0.1:80',
  entryPoints: [],
  middlewares: [],
  ...change,
})

/** Kept somewhere that takes its time. */
function slowly() {
  let kept: readonly TraefikRoute[] = []
  let saves = 0
  return {
    saves: () => saves,
    routes: () => kept,
    async save(next: readonly TraefikRoute[]) {
      saves += 1
      await new Promise((resolve) => setTimeout(resolve, 1))
      kept = next
    },
  }
}

test('no routes are {}: an empty map further in would be refused, and the routes stay', () => {
  expect(documentOf([])).toBe('{}\n')
})

test('nothing that is empty is in it, and it is the same whatever the order', () => {
  const [a, b] = [route('a'), route('b', { insecureBackend: true, middlewares: ['auth@file'] })]
  expect(documentOf([a, b])).toBe(documentOf([b, a]))
  expect(documentOf([a, b])).not.toMatch(/\{\}|\[\]/)
  expect(JSON.parse(documentOf([b]))).toEqual({
    http: {
      routers: {
        'homelab-b': { rule: 'Host(`b.example.org`)', service: 'homelab-b', middlewares: ['auth@file'] },
      },
      services: {
        'homelab-b': {
          loadBalancer: { servers: [{ url: 'http://10.0.0.1:80' }], serversTransport: 'homelab-b' },
        },
      },
      serversTransports: { 'homelab-b': { insecureSkipVerify: true } },
    },
  })
})

test('changes at the same time lose none', async () => {
  const documents = slowly()
  const place = createDocument(documents)
  const names = Array.from({ length: 20 }, (_, n) => `s${n}`)
  await Promise.all([...names.map((name) => place.put(route(name))), place.remove('homelab-s3')])
  expect(
    documents
      .routes()
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual(
    names
      .filter((name) => name !== 's3')
      .map((name) => `homelab-${name}`)
      .toSorted(),
  )
})

test('what is there already is not written again, and what was there is put back', async () => {
  const documents = slowly()
  const place = createDocument(documents)
  await place.put(route('a'))
  const before = await place.read('homelab-a')
  await place.put(route('a'))
  await place.remove('homelab-none')
  expect(documents.saves()).toBe(1)
  await place.put(route('a', { service: 'http://10.0.0.2:80' }))
  await place.restore('homelab-a', before)
  expect(documents.routes()).toEqual([route('a')])
  await place.restore('homelab-a', undefined)
  expect(documents.routes()).toEqual([])
  expect(await place.read('homelab-a')).toBeUndefined()
})

test('bad routes do not get in', async () => {
  const documents = slowly()
  const place = createDocument(documents)
  await expect(place.put(route('a', { service: 'http://x/`' }))).rejects.toThrow('no address of a backend')
  await expect(place.restore('homelab-a', '{"name":"homelab-a"}')).rejects.toMatchObject({ code: 'bug' })
  expect(documents.routes()).toEqual([])
})
