import { describe, expect, it, test } from 'vitest'
import { withoutRule } from '../cloudflare/index.ts'
import { editFile, rulesOfFile } from './config-file.ts'
import { placed } from './ingress.ts'

const path = '/etc/cloudflared/config.yml'
const text = `# The way in.
tunnel: 6ff42ae2-765d-4adf-8112-31c55c1551ef
credentials-file: /etc/cloudflared/x.json   # keep
warp-routing: { enabled: true }
ingress:
  # the films
  - hostname: films.example.com
    service: http://192.168.1.9:80
    originRequest:
      noTLSVerify: true # self-signed
  - hostname: "*.example.com" # all others
    service: http://192.168.1.101:80
  - service: http_status:404
`

test('a rule goes in before the wildcard that would take its requests, and every comment and key stays', () => {
  const rule = { hostname: 'tv.example.com', service: 'http://192.168.1.101:80' }
  const after = editFile(text, path, (rules) => placed(rules, rule))
  expect(rulesOfFile(after, path).map(({ hostname }) => hostname)).toEqual([
    'films.example.com',
    'tv.example.com',
    '*.example.com',
    undefined,
  ])
  for (const part of [
    '# The way in.',
    '# keep',
    'warp-routing: { enabled: true }',
    '# the films',
    '# self-signed',
    '# all others',
  ])
    expect(after).toContain(part)
  // Taken out again, the rest is as it was, but for spaces before remarks.
  const plain = (each: string) => each.replace(/(\S) +#/g, '$1 #')
  expect(editFile(after, path, (rules) => withoutRule(rules, 'tv.example.com'))).toBe(plain(text))
})

test('a rule that is changed keeps the comment above it', () => {
  const rule = { hostname: 'films.example.com', service: 'http://192.168.1.101:80' }
  const after = editFile(text, path, (rules) => placed(rules, rule))
  expect(after).toContain('# the films')
  expect(rulesOfFile(after, path)[0]).toEqual(rule)
})

test('what is not changed is not written anew', () => {
  const odd = 'tunnel:   x\ningress:\n- {service:   "http_status:404"}\n'
  expect(editFile(odd, path, (rules) => rules)).toBe(odd)
})

test('a file without rules gets them', () => {
  const rule = { hostname: 'tv.example.com', service: 'http://192.168.1.101:80' }
  expect(
    rulesOfFile(
      editFile('tunnel: x\n', path, (rules) => placed(rules, rule)),
      path,
    ),
  ).toEqual([rule, { service: 'http_status:404' }])
})

describe('a file that cannot be edited', () => {
  it.each([
    ['a: [', 'it is no YAML'],
    ['- a\n- b\n', 'it is not a list of keys'],
    ['ingress: films\n', 'its `ingress` is not a list'],
    ['ingress:\n  - films\n', 'one of its rules is not a map'],
    ['a: 1\na: 2\n', 'it is no YAML'],
  ])('%j says why', (broken, said) => {
    expect(() => rulesOfFile(broken, path)).toThrow(said)
  })
})
