import { expect, it } from 'vitest'
import { exposable, isPrivate, markOf, videoWarning } from './marks.ts'

it.each([
  'proxmox',
  'pve',
  'traefik',
  'Grafana',
  'prometheus',
  'radarr',
  'sonarr',
  'prowlarr',
  'qbittorrent',
  'qbit',
  'postgres',
  'redis',
  'n8n',
  'cloudflared',
])('%s is private as a whole', (kind) => {
  expect(isPrivate(markOf(kind))).toBe(true)
  expect(markOf(kind).private).toBeTruthy()
})

it('others are not, or in part', () => {
  for (const kind of ['plex', 'jellyfin', 'immich', 'nextcloud', 'mine'])
    expect(isPrivate(markOf(kind))).toBe(false)
  expect(isPrivate(markOf('vaultwarden'))).toBe(false)
  expect(markOf('vaultwarden').paths).toEqual(['/admin'])
})

it('video is said of who streams it', () => {
  expect(videoWarning('Plex', markOf('plex'))).toContain('streams video')
  expect(videoWarning('Immich', markOf('immich'))).toContain('photos are no trouble')
  expect(videoWarning('Nextcloud', markOf('nextcloud'))).toBeUndefined()
})

it('what could be wanted outside has a port and is not private', () => {
  expect(exposable('plex', undefined)).toBe(true)
  expect(exposable('mine', 80)).toBe(true)
  expect(exposable('mine', undefined)).toBe(false)
  expect(exposable('radarr', undefined)).toBe(false)
  expect(exposable('postgresql', undefined)).toBe(false)
})
