import { describe, expect, test } from 'vitest'
import { hostRule } from './names.ts'
import { isOurs, parseRoute, renderRoute } from './route-file.ts'
import type { TraefikRoute } from './types.ts'

const route = (change: Partial<TraefikRoute> = {}): TraefikRoute => {
  const hostname = change.hostname ?? 'jellyfin.example.org'
  return {
    name: 'homelab-jellyfin',
    rule: hostRule(hostname),
    hostname,
    service: 'http://192.168.1.111:8096',
    entryPoints: ['web'],
    middlewares: [],
    ...change,
  }
}

test('a route as a file', () => {
  expect(
    renderRoute(route()),
  ).toBe(`# Made by homelab, which overwrites what is changed here. Takes it away: homelab tunnel unexpose jellyfin.example.org
http:
  routers:
    homelab-jellyfin:
      rule: "Host(\`jellyfin.example.org\`)"
      service: homelab-jellyfin
      entryPoints:
        - "web"
  services:
    homelab-jellyfin:
      loadBalancer:
        servers:
          - url: "http://192.168.1.111:8096"
`)
})

test.each([
  route(),
  route({ entryPoints: [], middlewares: ['auth@file', 'secure-headers'] }),
  route({ service: 'https://192.168.1.10:8006', insecureBackend: true }),
  route({ service: 'http://[fd00::1]:80', hostname: 'xn--bcher-kva.example' }),
  // Words that YAML takes for something else.
  route({ entryPoints: ['yes', 'null', '1e3'], middlewares: ['~'.replace('~', 'off')] }),
  route({ name: 'homelab-a', hostname: `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.example.org` }),
])('comes back from its file as it was: %j', (each) => {
  const text = renderRoute(each)
  expect(isOurs(text)).toBe(true)
  expect(parseRoute(text)).toEqual(each)
  // Traefik refuses empty maps and lists of nothing.
  expect(text).not.toMatch(/\{\}|\[\]/)
})

describe('cannot be written:', () => {
  test.each<[string, Partial<TraefikRoute>, string]>([
    ['a backtick in a name', { hostname: 'a`) || Host(`b.example.org' }, 'is no host name'],
    ['a quote', { hostname: 'a".example.org' }, 'is no host name'],
    ['a line of its own', { hostname: 'a.example.org\nhttp:' }, 'is no host name'],
    ['a template', { hostname: '{{ env "HOME" }}.example.org' }, 'is no host name'],
    ['letters of other alphabets', { hostname: 'bücher.example' }, 'characters'],
    ['capital letters', { hostname: 'Jellyfin.example.org' }, 'is no host name'],
    ['a wildcard', { hostname: '*.example.org' }, 'is no host name'],
    ['a single label', { hostname: 'jellyfin' }, 'is no host name'],
    ['an empty label', { hostname: 'a..example.org' }, 'is no host name'],
    ['a label of 64', { hostname: `${'a'.repeat(64)}.example.org` }, 'is no host name'],
    ['a name of 254', { hostname: `${'a.'.repeat(121)}example.org1` }, 'at most 253'],
    ['nothing', { hostname: '' }, 'is no host name'],
    ['a rule of its own', { rule: 'PathPrefix(`/`)' }, 'is not Host('],
    ['another name', { name: 'jellyfin' }, 'cannot be the name'],
    ['a name that leads elsewhere', { name: 'homelab-../../etc/passwd' }, 'cannot be the name'],
    ['a very long name', { name: `homelab-${'a'.repeat(93)}` }, 'cannot be the name'],
    ['a backend with a password', { service: 'http://me:secret@192.168.1.111' }, 'no address of a backend'],
    ['a backend with a path', { service: 'http://192.168.1.111/web' }, 'no address of a backend'],
    ['a backend of another kind', { service: 'file:///etc/passwd' }, 'no address of a backend'],
    ['a port that is none', { service: 'http://192.168.1.111:70000' }, 'no address of a backend'],
    ['a backend with a quote', { service: 'http://a"b' }, 'no address of a backend'],
    ['an entry point', { entryPoints: ['web', 'a b'] }, 'no name of an entry point'],
    ['a middleware', { middlewares: ['{{x}}'] }, 'no name of a middleware'],
  ])('%s', (_, change, message) => {
    expect(() => renderRoute(route(change))).toThrow(message)
  })
})

test.each([
  '',
  'http: {}',
  'http: [',
  'http:\n  routers:\n    a: {rule: "Host(`a.example.org`)", service: b}\n',
  // Two hosts, a path, another router: more than a route of ours can be.
  renderRoute(route()).replace('`)"', '`) || Host(`b.example.org`)"'),
  renderRoute(route()).replace('`)"', '`) && PathPrefix(`/x`)"'),
  renderRoute(route()).replace('service: homelab-jellyfin', 'service: other'),
  renderRoute(route()).replace('  services:', '    more:\n      rule: "x"\n      service: y\n  services:'),
])('is no such route: %j', (text) => {
  expect(parseRoute(text)).toBeUndefined()
})

test('what a person wrote in the same form is read, too, and is not ours', () => {
  const text = renderRoute(route()).split('\n').slice(1).join('\n')
  expect(parseRoute(text)).toEqual(route())
  expect(isOurs(text)).toBe(false)
})
