/** The routes of homelab.md as files: four in the form that homelab writes, three by the hand of a person. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const domain = 'harmeetrai.com'

/** `http://127.0.0.1:40123` of a service. */
type AddressOf = (service: string) => string

const made = (service: string, host: string, url: string): string =>
  `# Made by homelab, which overwrites what is changed here. Takes it away: homelab tunnel unexpose ${host}
http:
  routers:
    homelab-${service}:
      rule: "Host(\`${host}\`)"
      service: homelab-${service}
      entryPoints:
        - "web"
  services:
    homelab-${service}:
      loadBalancer:
        servers:
          - url: "${url}"
`

function files(address: AddressOf): Readonly<Record<string, string>> {
  const own = ['plex', 'jellyfin', 'immich', 'n8n'].map((service) => [
    `homelab-${service}.yml`,
    made(service, `${service}.${domain}`, address(service)),
  ])
  return {
    ...Object.fromEntries(own),
    'nextcloud.yml': `# nextcloud wants hsts and the old dav redirects
http:
  routers:
    nextcloud:
      rule: Host(\`nextcloud.${domain}\`)
      entryPoints: [web]
      middlewares: [nextcloud-dav, secure-headers]
      service: nextcloud
  services:
    nextcloud:
      loadBalancer:
        servers:
          - url: ${address('nextcloud')}
  middlewares:
    nextcloud-dav:
      redirectRegex:
        permanent: true
        regex: 'https://(.*)/.well-known/(?:card|cal)dav'
        replacement: 'https://\${1}/remote.php/dav'
`,
    'monitoring.yaml': `http:
  routers:
    grafana:
      rule: Host(\`grafana.${domain}\`)
      service: grafana
  services:
    grafana:
      loadBalancer:
        servers: [{ url: '${address('grafana')}' }]
`,
    'vault.yml': `http:
  routers:
    vault:
      rule: "Host(\`vault.${domain}\`)"
      entryPoints: ["web"]
      middlewares: ["secure-headers"]
      service: vault
  services:
    vault:
      loadBalancer:
        passHostHeader: true
        servers:
          - url: ${address('vaultwarden')}
  middlewares:
    secure-headers:
      headers:
        stsSeconds: 15552000
        contentTypeNosniff: true
`,
  }
}

/** Empties the folder and fills it as it is at the start. */
export function seed(folder: string, address: AddressOf): void {
  mkdirSync(folder, { recursive: true })
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true, force: true })
  for (const [name, text] of Object.entries(files(address))) writeFileSync(join(folder, name), text)
}
