import { expect, it } from 'vitest'
import type { K3sSettings } from '../inventory/k3s-schema.ts'
import { mayRestart, namedBy } from './find.ts'

const settings = (more: Partial<K3sSettings> = {}): K3sSettings => ({
  kubeconfig: { from: 'env', name: 'KUBECONFIG' },
  ...more,
})

it.each([
  ['jellyfin', { name: 'jellyfin' }],
  [' Media/Jellyfin ', { namespace: 'media', name: 'jellyfin' }],
  ['media/statefulset/db', { namespace: 'media', kind: 'statefulset', name: 'db' }],
])('reads %j', (text, expected) => {
  expect(namedBy(text, settings())).toEqual(expected)
})

it.each([
  ['', 'usage'],
  ['/jellyfin', 'usage'],
  ['media/', 'usage'],
  ['a/b/c/d', 'usage'],
  ['media/job/x', 'usage'],
  ['kube-system/coredns', 'denied'],
])('refuses %j', (text, code) => {
  expect(() => namedBy(text, settings({ namespaces: ['media'] }))).toThrowError(
    expect.objectContaining({ code }),
  )
})

it('lets be restarted what the file says, by namespace or by name', () => {
  const ref = { kind: 'deployment', namespace: 'media', name: 'jellyfin' } as const
  expect(mayRestart(settings(), ref)).toBe(true)
  expect(mayRestart(settings({ restart: [] }), ref)).toBe(false)
  expect(mayRestart(settings({ restart: ['media'] }), ref)).toBe(true)
  expect(mayRestart(settings({ restart: ['media/jellyfin'] }), ref)).toBe(true)
  expect(mayRestart(settings({ restart: ['media/plex', 'jellyfin'] }), ref)).toBe(false)
})
