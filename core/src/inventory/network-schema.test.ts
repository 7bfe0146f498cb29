import { expect, test } from 'vitest'
import { parseInventory } from './parse.ts'

const parse = (text: string) => parseInventory(text).network
const base = 'network:\n  domain: example.com\n'

test('a domain and a token are enough: the rest is as usual', () => {
  expect(parse(`${base}  tunnel: { token: env:CF }`)).toEqual({
    domain: 'example.com',
    tunnel: { token: { from: 'env', name: 'CF' }, api: 'https://api.cloudflare.com/client/v4' },
    traefik: {
      service: 'traefik',
      provider: 'file',
      directory: '/etc/traefik/conf.d',
      entry_points: ['web'],
      middlewares: [],
    },
    access: { allow: [], session: '24h', enforce: true },
    routes: [],
  })
})

test('a file without a network has its defaults', () => {
  expect(parse('')).toMatchObject({ routes: [], traefik: { provider: 'file' }, access: { allow: [] } })
  expect(parse('')?.tunnel).toBeUndefined()
})

test('one connector or several, and addresses without a slash at their end', () => {
  const { tunnel, traefik } = parse(
    `${base}  tunnel: { service: [a, b], origin: http://10.0.0.1:80/, metrics: 'http://10.0.0.2:20241/' }\n  traefik: { api: 'http://10.0.0.1:8080/', probe: http://10.0.0.1/ }`,
  )
  expect(tunnel).toMatchObject({
    service: ['a', 'b'],
    origin: 'http://10.0.0.1:80',
    metrics: 'http://10.0.0.2:20241',
  })
  expect(traefik).toMatchObject({ api: 'http://10.0.0.1:8080', probe: 'http://10.0.0.1' })
})

test.each([
  ['tunnel: { id: homelab }', 'must be the id of a tunnel'],
  ['tunnel: { account: me }', 'must be an account id'],
  ['tunnel: { token: v1.0-abc }', 'must say where the secret is'],
  ['tunnel: { origin: 10.0.0.1:80 }', 'must be an http or https URL'],
  ['tunnel: { origin: http://10.0.0.1/path }', 'without a path'],
  ['tunnel: { config: config.yml }', 'must be an absolute path'],
  ['tunnel: { node: pve, service: cloudflared }', 'give "node" or "service"'],
  ['traefik: { provider: docker }', 'must be file'],
  ['traefik: { entry_points: ["we b"] }', 'must be the name of an entry point'],
  ['traefik: { middlewares: ["a`b"] }', 'must be a middleware'],
  ['access: { allow: [me@example.com] }', 'must be {email: …}'],
  ['access: { allow: [{ email: me }] }', 'must be an e-mail address'],
  ['access: { session: forever }', 'must be a duration'],
  ['access: { team: team.cloudflareaccess.com }', 'must be the first label'],
  ['acess: {}', 'acess'],
])('%s is refused', (line, words) => {
  expect(() => parse(`${base}  ${line}`)).toThrow(words)
})

test('a connector or Traefik that is nearly a service is a slip', () => {
  const services = 'services: { traefik: { guest: 101 }, cloudflared: { guest: 104 } }\n'
  expect(() => parse(`${services}${base}  tunnel: { service: cloudflard }`)).toThrow(
    'Did you mean "cloudflared"',
  )
  expect(() => parse(`${services}${base}  traefik: { service: traefic }`)).toThrow('Did you mean "traefik"')
  expect(() => parse(`${services}${base}  traefik: { service: ct-proxy-7 }`)).not.toThrow()
})
