import { expect, test } from 'vitest'
import type { ServiceEntry } from '../inventory/schema.ts'
import type { Target } from '../inventory/types.ts'
import { questionFor } from './select.ts'

function ask(service: Partial<ServiceEntry> & { readonly name: string }) {
  const target = {
    name: service.name,
    guest: { name: service.name },
    service,
    dependents: [],
  } as unknown as Target
  const question = questionFor(target)
  if (question?.via === 'http') {
    return question.url ?? `${question.scheme}://${question.host ?? 'guest'}:${question.port}${question.path}`
  }
  if (question?.via === 'tcp') return `tcp://${question.host ?? 'guest'}:${question.port}`
  return question?.argv.join(' ')
}

test.each([
  ['the catalogue alone', { name: 'plex' }, 'http://guest:32400/identity'],
  ['a kind other than the name', { name: 'films', kind: 'plex' }, 'http://guest:32400/identity'],
  [
    'a port and an address of the file',
    { name: 'plex', port: 4000, address: '127.0.0.1' },
    'http://127.0.0.1:4000/identity',
  ],
  ["Traefik's front port is not its check's", { name: 'traefik', port: 443 }, 'http://guest:8080/ping'],
  ['another port of Traefik is', { name: 'traefik', port: 4001 }, 'http://guest:4001/ping'],
  ['cloudflared has no port but its metrics', { name: 'cloudflared' }, 'http://guest:20241/ready'],
  ['Nextcloud by TLS', { name: 'nextcloud', port: 443 }, 'https://guest:443/status.php'],
  ['Nextcloud on a plain port', { name: 'nextcloud', port: 8080 }, 'http://guest:8080/status.php'],
  ['PostgreSQL elsewhere', { name: 'postgresql', port: 5433 }, 'tcp://guest:5433'],
  ['an unknown service with a port', { name: 'mosquitto', port: 1883 }, 'tcp://guest:1883'],
  ['an unknown one without', { name: 'mosquitto' }, undefined],
  ['none', { name: 'plex', health: 'none' as const }, undefined],
  ['a path only', { name: 'x', port: 8123, health: { http: '/up' } }, 'http://guest:8123/up'],
  ['a path without any port', { name: 'x', health: { http: '/up' } }, 'http://guest:80/up'],
  [
    'https without any port',
    { name: 'x', health: { http: { scheme: 'https' as const } } },
    'https://guest:443/',
  ],
  [
    "a known service's path at another port",
    { name: 'plex', health: { http: { port: 81 } } },
    'http://guest:81/identity',
  ],
  ['a whole URL', { name: 'x', health: { http: { url: 'https://x.org/up' } } }, 'https://x.org/up'],
  ['a port to connect to', { name: 'x', health: { tcp: { port: 25 } } }, 'tcp://guest:25'],
  ["the service's port to connect to", { name: 'x', port: 26, health: { tcp: {} } }, 'tcp://guest:26'],
  ['a command', { name: 'plex', health: { command: ['systemctl', 'is-active'] } }, 'systemctl is-active'],
])('%s', (_, service, expected) => {
  expect(ask(service)).toBe(expected)
})
