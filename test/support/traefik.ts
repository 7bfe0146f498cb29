/** homelab's own Traefik client on a simulated lab, by its real SSH and HTTP. */
import { request } from 'node:http'
import { createHttp, createSsh, systemClock } from '../../core/src/node/index.ts'
import type { Clock, Shell } from '../../core/src/ports.ts'
import { Secret } from '../../core/src/secret.ts'
import { createShells } from '../../core/src/shell/index.ts'
import {
  createDirectory,
  createTraefik,
  hostRule,
  type RoutePlace,
  type Traefik,
  type TraefikRoute,
} from '../../core/src/traefik/index.ts'
import type { Lab } from './simulator.ts'

/** Ten times as fast: for what is waited for in vain. */
const fastClock: Clock = {
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic() * 10,
  sleep: (ms, signal) => systemClock.sleep(ms / 10, signal),
}

export interface OnTraefik extends AsyncDisposable {
  readonly traefik: Traefik
  readonly shell: Shell
}

export interface OnTraefikOptions {
  /** In front of the container's own. */
  readonly shell?: (shell: Shell) => Shell
  readonly directory?: string
  /** Instead of the directory. */
  readonly place?: RoutePlace
  /** Gives up after a tenth of the time. */
  readonly impatient?: boolean
}

export function onTraefik(lab: Lab, options: OnTraefikOptions = {}): OnTraefik {
  const { host, port, user, privateKey, hostKey } = lab.ssh
  const ssh = createSsh({
    hosts: {
      pve: {
        host,
        port,
        user,
        auth: { privateKey: new Secret(privateKey) },
        hostKey: { fingerprint: hostKey },
      },
    },
  })
  const guest = createShells(ssh).guest({ vmid: 101, type: 'lxc', node: 'pve', name: 'traefik' })
  const shell = options.shell?.(guest) ?? guest
  const http = createHttp()
  const place =
    options.place ??
    createDirectory({
      shell: () => shell,
      directory: () => options.directory ?? lab.traefik.directory,
    })
  return {
    traefik: createTraefik({
      http,
      clock: options.impatient ? fastClock : systemClock,
      api: () => lab.traefik.api,
      place: () => place,
    }),
    shell,
    async [Symbol.asyncDispose]() {
      ssh.close()
      await http.close()
    },
  }
}

/** A route to a service of the lab. */
export function routeTo(lab: Lab, service: string, change: Partial<TraefikRoute> = {}): TraefikRoute {
  const at = lab.services[service]
  const hostname = change.hostname ?? `${service}.harmeetrai.com`
  return {
    name: `homelab-${service}`,
    rule: hostRule(hostname),
    hostname,
    service: `http://${at?.host}:${at?.port}`,
    entryPoints: ['web'],
    middlewares: [],
    ...change,
  }
}

/** What a visitor of this host gets at Traefik's own door. */
export const visit = (
  web: string,
  host: string,
  path = '/',
): Promise<{ readonly status: number | undefined; readonly body: string }> =>
  new Promise((resolve, reject) => {
    request(`${web}${path}`, { headers: { host }, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        body += text
      })
      response.on('end', () => resolve({ status: response.statusCode, body }))
    })
      .on('error', reject)
      .end()
  })
