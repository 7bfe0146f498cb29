/** What the health endpoint of each service answers on a healthy system. */

export interface WebAnswer {
  readonly status: number
  readonly type: string
  readonly body: string
}

export type Endpoint =
  | { readonly kind: 'web'; readonly paths: Readonly<Record<string, WebAnswer>> }
  | { readonly kind: 'postgres' }
  | { readonly kind: 'redis' }

const json = (content: object, status = 200): WebAnswer => ({
  status,
  type: 'application/json; charset=utf-8',
  body: JSON.stringify(content),
})
const plain = (body: string, status = 200): WebAnswer => ({ status, type: 'text/plain; charset=utf-8', body })
/** @param name of the page that a browser gets at `/`; without: there is none */
const web = (paths: Readonly<Record<string, WebAnswer>>, name?: string): Endpoint => ({
  kind: 'web',
  paths: { ...(name !== undefined && { '/': page(name) }), ...paths },
})
const page = (name: string): WebAnswer => ({
  status: 200,
  type: 'text/html; charset=utf-8',
  body: `<!DOCTYPE html><title>${name}</title>\n`,
})

const identity =
  '<?xml version="1.0" encoding="UTF-8"?>\n<MediaContainer size="0" apiVersion="1.1.1" claimed="1" machineIdentifier="5c8c7d3be0f24b1b8f4b9a7f6f1c2d3e4a5b6c7d" version="1.41.6.9685-d301f511a">\n</MediaContainer>\n'

export const nextcloud = (maintenance: boolean): Endpoint =>
  web(
    {
      '/status.php': json({
        installed: true,
        maintenance,
        needsDbUpgrade: false,
        version: '31.0.4.1',
        versionstring: '31.0.4',
        edition: '',
        productname: 'Nextcloud',
        extendedSupport: false,
      }),
    },
    'Nextcloud',
  )

/** Where a service answers inside its container: beside its usual port, or, behind Traefik in the lab, instead of it. */
export const innerPorts: Readonly<Record<string, number>> = { traefik: 8080, vaultwarden: 8000 }

export const endpoints: Readonly<Record<string, Endpoint>> = {
  traefik: web({ '/ping': plain('OK') }),
  postgresql: { kind: 'postgres' },
  redis: { kind: 'redis' },
  cloudflared: web({
    '/ready': json({ status: 200, readyConnections: 4, connectorId: '0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d' }),
  }),
  prometheus: web(
    {
      '/-/healthy': plain('Prometheus Server is Healthy.\n'),
      '/-/ready': plain('Prometheus Server is Ready.\n'),
    },
    'Prometheus',
  ),
  grafana: web(
    { '/api/health': json({ database: 'ok', version: '11.6.0', commit: 'd2fdff9ed2' }) },
    'Grafana',
  ),
  plex: web({ '/identity': { status: 200, type: 'text/xml;charset=utf-8', body: identity } }, 'Plex'),
  jellyfin: web({ '/health': plain('Healthy') }, 'Jellyfin'),
  radarr: web({ '/ping': json({ status: 'OK' }) }, 'Radarr'),
  sonarr: web({ '/ping': json({ status: 'OK' }) }, 'Sonarr'),
  prowlarr: web({ '/ping': json({ status: 'OK' }) }, 'Prowlarr'),
  qbittorrent: web({ '/api/v2/app/version': plain('Forbidden', 403) }, 'qBittorrent WebUI'),
  immich: web({ '/api/server/ping': json({ res: 'pong' }) }, 'Immich'),
  nextcloud: nextcloud(false),
  n8n: web({ '/healthz': json({ status: 'ok' }), '/healthz/readiness': json({ status: 'ok' }) }, 'n8n'),
  vaultwarden: web({ '/alive': json(new Date(0)) }, 'Vaultwarden Web'),
}
