import { expect, test } from 'vitest'
import { lookAt, withDuplicates } from './look.ts'

const router = '    a: {rule: "Host(`a.example.org`)", service: a}\n'
const fine = `http:\n  routers:\n${router}  services:\n    a: {loadBalancer: {servers: [{url: "http://10.0.0.1"}]}}\n`

/** Each is refused by Traefik, and by that of the simulated lab: test/integration/traefik-files.test.ts. */
test.each<[string, string, string]>([
  ['x.yml', 'http: {}\n', 'empty'],
  ['x.yml', 'http:\n  routers: {}\n', 'http.routers is empty'],
  ['x.yaml', `${fine}  middlewares: {}\n`, 'http.middlewares is empty'],
  ['x.yml', 'tls: {}\n', 'tls is empty'],
  ['x.yml', 'http:\n  services:\n    a: {loadBalancer: {}}\n', 'loadBalancer is empty'],
  ['x.yml', 'http:\n\trouters:\n', 'line 2: a tab'],
  ['x.yml', 'http: [\n', 'line'],
  ['x.yml', `http:\n  routers:\n${router}${router}`, 'second time'],
  ['x.yml', '- http\n', 'is no map'],
  ['x.yml', 'just text\n', 'is no map'],
  ['x.yml', 'http:\n  routers:\n    - a\n', 'http.routers is no map'],
  ['x.yml', fine.replace('rule:', 'rul:'), 'no "rul", but rule'],
  [
    'x.yml',
    fine.replace('service: a}', 'service: a, entrypoint: [web]}'),
    'no "entrypoint", but entryPoints',
  ],
  ['x.yml', fine.replace('routers', 'router'), 'no "router", but routers'],
  ['x.yml', fine.replace('loadBalancer', 'loadBalancr'), 'no "loadBalancr", but loadBalancer'],
  ['x.toml', 'http:\n  routers:\n', 'no TOML'],
])('freezes Traefik: %s %j', (name, text, said) => {
  expect(lookAt(`/etc/traefik/conf.d/${name}`, text)).toMatchObject({
    freezes: true,
    problem: expect.stringContaining(said),
  })
})

test.each<[string, string]>([
  ['x.yml', fine],
  ['x.yml', ''],
  ['x.yml', '# nothing yet\n'],
  ['x.yml', '{}'],
  ['x.yml', 'http:\n'],
  ['x.yml', fine.replace('service: a}', 'service: a, ENTRYPOINTS: [web], tls: {}}')],
  ['x.yml', 'tls:\n  certificates:\n    - {certFile: a, keyFile: b}\n'],
  ['x.yml', 'http:\n  middlewares:\n    gzip: {compress: {}}\n'],
])('is fine: %s %j', (name, text) => {
  expect(lookAt(`/etc/${name}`, text)).not.toHaveProperty('problem')
})

test.each<[string, string, string]>([
  ['x.toml', '[http.routers.a]\n  rule = "Host(`a.example.org`)"\n', 'not looked into'],
  ['x.toml', '# remark\n\nhttp.routers.a.rule = "Host(`a.example.org`)"\n', 'not looked into'],
  ['x.yml', `${fine}# {{ env "HOME" }}\n`, 'is a template'],
  ['x.yml', `${fine}---\n${fine}`, 'second document'],
  ['x.yml', fine.replace('service: a}', 'service: a, tomorrow: 1}'), '"tomorrow" is not known here'],
  ['x.yml', fine.replace(', service: a}', '}'), 'has no service'],
])('is doubtful, and freezes nothing as far as one can tell: %s %j', (name, text, said) => {
  const seen = lookAt(`/etc/${name}`, text)
  expect(seen.problem).toContain(said)
  expect(seen.freezes ?? false).toBe(false)
  expect(seen.hostnames).toEqual(['a.example.org'])
})

test('a router of the same name in two files', () => {
  const [first, second] = withDuplicates([lookAt('/etc/a.yml', fine), lookAt('/etc/b.yml', fine)])
  expect(first).not.toHaveProperty('problem')
  expect(second?.problem).toBe('the router a is in /etc/a.yml already: Traefik leaves this one out')
  expect(second).not.toHaveProperty('freezes')
})
