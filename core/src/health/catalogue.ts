/**
 * The services that are known by name: what they are called, where they listen, which unit is theirs.
 * Units are those that the community helper scripts install; ports are each project's default, and
 * where a script picks another (qBittorrent 8090, Vaultwarden 8000) homelab.yaml says so.
 */
import {
  cloudflaredReady,
  grafanaHealth,
  type HttpProbe,
  immichPing,
  jellyfinHealth,
  nextcloudStatus,
  page,
  postgres,
  redis,
  type TcpProbe,
  traefikPing,
} from './probes.ts'

export interface KnownService {
  readonly name: string
  readonly title: string
  /** Default group: `core`, `monitoring`, `media`, `apps`. */
  readonly stack: string
  /** Other names that its container often carries. */
  readonly aliases: readonly string[]
  /** Where people and other services reach it; absent when it serves nobody (cloudflared). */
  readonly port?: number
  /** systemd units; the first is the one whose journal tells what the service does. */
  readonly units: readonly string[]
  readonly probe: HttpProbe | TcpProbe
  /** Where the check listens when that is not `port`: it stays so for any of `frontPorts`. */
  readonly probePort?: number
  readonly frontPorts?: readonly number[]
  /** By default the check's port is open on the container's own loopback only. */
  readonly loopback?: boolean
}

/** `/ping` of the three answers `{"status": "OK"}` without a key, and 500 when its database does not. */
const servarr = page('/ping')

export const knownServices: readonly KnownService[] = [
  {
    name: 'traefik',
    title: 'Traefik',
    stack: 'core',
    aliases: ['proxy'],
    port: 443,
    units: ['traefik'],
    probe: traefikPing,
    probePort: 8080,
    frontPorts: [80, 443],
  },
  {
    name: 'postgresql',
    title: 'PostgreSQL',
    stack: 'core',
    aliases: ['postgres', 'pg'],
    port: 5432,
    units: ['postgresql@*', 'postgresql'],
    probe: postgres,
  },
  {
    name: 'redis',
    title: 'Redis',
    stack: 'core',
    aliases: ['redis-server'],
    port: 6379,
    units: ['redis-server'],
    probe: redis,
  },
  {
    name: 'cloudflared',
    title: 'Cloudflare Tunnel',
    stack: 'core',
    aliases: ['cloudflare', 'tunnel'],
    units: ['cloudflared'],
    probe: cloudflaredReady,
    probePort: 20241,
    loopback: true,
  },
  {
    name: 'prometheus',
    title: 'Prometheus',
    stack: 'monitoring',
    aliases: [],
    port: 9090,
    units: ['prometheus'],
    probe: page('/-/healthy'),
  },
  {
    name: 'grafana',
    title: 'Grafana',
    stack: 'monitoring',
    aliases: [],
    port: 3000,
    units: ['grafana-server'],
    probe: grafanaHealth,
  },
  {
    name: 'plex',
    title: 'Plex',
    stack: 'media',
    aliases: ['plexmediaserver'],
    port: 32400,
    units: ['plexmediaserver'],
    probe: page('/identity'),
  },
  {
    name: 'jellyfin',
    title: 'Jellyfin',
    stack: 'media',
    aliases: [],
    port: 8096,
    units: ['jellyfin'],
    probe: jellyfinHealth,
  },
  {
    name: 'radarr',
    title: 'Radarr',
    stack: 'media',
    aliases: [],
    port: 7878,
    units: ['radarr'],
    probe: servarr,
  },
  {
    name: 'sonarr',
    title: 'Sonarr',
    stack: 'media',
    aliases: [],
    port: 8989,
    units: ['sonarr'],
    probe: servarr,
  },
  {
    name: 'prowlarr',
    title: 'Prowlarr',
    stack: 'media',
    aliases: [],
    port: 9696,
    units: ['prowlarr'],
    probe: servarr,
  },
  {
    name: 'qbittorrent',
    title: 'qBittorrent',
    stack: 'media',
    aliases: ['qbit', 'qbittorrent-nox'],
    port: 8080,
    units: ['qbittorrent-nox'],
    probe: page('/api/v2/app/version'),
  },
  {
    name: 'immich',
    title: 'Immich',
    stack: 'apps',
    aliases: [],
    port: 2283,
    units: ['immich-web', 'immich-ml'],
    probe: immichPing,
  },
  {
    name: 'nextcloud',
    title: 'Nextcloud',
    stack: 'apps',
    aliases: ['nextcloudpi', 'ncp'],
    port: 443,
    units: ['apache2', 'php*-fpm'],
    probe: nextcloudStatus,
  },
  {
    name: 'n8n',
    title: 'n8n',
    stack: 'apps',
    aliases: [],
    port: 5678,
    units: ['n8n'],
    probe: page('/healthz'),
  },
  {
    name: 'vaultwarden',
    title: 'Vaultwarden',
    stack: 'apps',
    aliases: ['vault', 'bitwarden'],
    port: 80,
    units: ['vaultwarden'],
    probe: page('/alive'),
  },
]

/** By name or alias, whatever the case. */
export function knownService(name: string): KnownService | undefined {
  const wanted = name.toLowerCase()
  return knownServices.find((service) => service.name === wanted || service.aliases.includes(wanted))
}
