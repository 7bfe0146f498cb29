import { expect, test } from 'vitest'
import { runInline } from '../../operation/inline.ts'
import type { Operation } from '../../operation/types.ts'
import type { RouterView, ServiceView } from '../../traefik/types.ts'
import { routeList } from './list.ts'
import { routeShow } from './show.ts'

const router = (name: string, more: Partial<RouterView> = {}): RouterView => ({
  name: `${name}@file`,
  provider: 'file',
  rule: `Host(\`${name}.example.org\`)`,
  status: 'enabled',
  errors: [],
  entryPoints: ['web'],
  service: name,
  middlewares: [],
  tls: false,
  hostnames: [`${name}.example.org`],
  ...more,
})
const service = (name: string, servers: ServiceView['servers']): ServiceView => ({
  name: `${name}@file`,
  provider: 'file',
  status: 'enabled',
  servers,
  errors: [],
})

const traefik = {
  routers: async () => [router('films'), router('photos'), router('notes')],
  services: async () => [
    service('films', [
      { url: 'http://10.0.0.1', status: 'UP' },
      { url: 'http://10.0.0.2', status: 'DOWN' },
    ]),
    service('photos', [{ url: 'http://10.0.0.3', status: 'UP' }]),
    service('notes', [{ url: 'http://10.0.0.4' }]),
  ],
  entryPoints: async () => [
    { name: 'web', address: ':80' },
    { name: 'traefik', address: ':8080' },
  ],
  middlewares: async () => [
    { name: 'auth@file', provider: 'file', type: 'basicauth', status: 'disabled', errors: ['no users'] },
    { name: 'dashboard_redirect@internal', provider: 'internal', type: 'x', status: 'enabled', errors: [] },
  ],
  files: async () => [],
  version: async () => '3.3.4',
}

async function asked(operation: Operation, input: object) {
  const clock = { now: () => new Date(0), monotonic: () => 0, sleep: async () => {} }
  const signal = new AbortController().signal
  const services = { network: { traefik } } as never
  const output = await runInline(operation, input, services, { clock, signal })
  return { output, words: JSON.stringify(operation.card(output, { all: false })) }
}

test('the list says which servers Traefik calls down, and what entry points and middlewares there are', async () => {
  const { output, words } = await asked(routeList, {})
  expect(output).toMatchObject({
    routes: [
      { health: [{ status: 'up' }, { status: 'down' }] },
      { health: [{ url: 'http://10.0.0.3', status: 'up' }] },
      { health: [{ url: 'http://10.0.0.4' }] },
    ],
    entryPoints: [{ name: 'web', address: ':80' }, { name: 'traefik' }],
    middlewares: [{ name: 'auth@file', errors: ['no users'] }, { provider: 'internal' }],
  })
  expect(words).toContain('1 of 2 servers down')
  expect(words).toContain('web :80, traefik :8080')
  expect(words).toContain('auth@file (disabled)')
  expect(words).not.toContain('dashboard_redirect')
  expect(words).toContain('"tone":"warning"')
})

test('a route shows what Traefik believes of each server', async () => {
  const films = await asked(routeShow, { route: 'films.example.org' })
  expect(films.words).toContain('http://10.0.0.1 (Traefik says up), http://10.0.0.2 (Traefik says down)')
  expect(films.words).toContain('"tone":"error"')
  const notes = await asked(routeShow, { route: 'notes.example.org' })
  expect(notes.words).toContain('"http://10.0.0.4"')
  expect(notes.words).toContain('"tone":"ok"')
})
