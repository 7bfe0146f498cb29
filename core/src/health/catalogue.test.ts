import { expect, test } from 'vitest'
import { knownService, knownServices } from './catalogue.ts'

/** Every service of the lab, where it is asked, and what for. */
const lab: Readonly<Record<string, string>> = {
  traefik: 'http :8080/ping',
  postgresql: 'tcp :5432',
  redis: 'tcp :6379',
  cloudflared: 'http :20241/ready',
  prometheus: 'http :9090/-/healthy',
  grafana: 'http :3000/api/health',
  plex: 'http :32400/identity',
  jellyfin: 'http :8096/health',
  radarr: 'http :7878/ping',
  sonarr: 'http :8989/ping',
  prowlarr: 'http :9696/ping',
  qbittorrent: 'http :8080/api/v2/app/version',
  immich: 'http :2283/api/server/ping',
  nextcloud: 'https :443/status.php',
  n8n: 'http :5678/healthz',
  vaultwarden: 'http :80/alive',
}

test('every service of the lab is known, with its check', () => {
  const known = knownServices.map(({ name, port, probePort, probe }) => {
    const at = `:${probePort ?? port}`
    return [name, probe.via === 'http' ? `${probe.scheme} ${at}${probe.path}` : `tcp ${at}`]
  })
  expect(Object.fromEntries(known)).toEqual(lab)
})

test('names and aliases are unique, each with a title, a stack and a unit', () => {
  const names = knownServices.flatMap(({ name, aliases }) => [name, ...aliases])
  expect(new Set(names).size).toBe(names.length)
  for (const service of knownServices) {
    expect(service.title).not.toBe('')
    expect(['core', 'monitoring', 'media', 'apps']).toContain(service.stack)
    expect(service.units.length).toBeGreaterThan(0)
  }
})

test('a check inside the container exists for every service', () => {
  for (const { probe } of knownServices) {
    if (probe.via === 'tcp') expect(probe.command?.(1234).join(' ')).toContain('1234')
  }
})

test('is found by name or alias in any case', () => {
  expect(knownService('Plex')?.name).toBe('plex')
  expect(knownService('postgres')?.name).toBe('postgresql')
  expect(knownService('plx')).toBeUndefined()
})
