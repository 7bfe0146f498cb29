/** The way in from outside out of homelab.yaml: Cloudflare by its API, Traefik by its API and its files. */
import { createHash, randomBytes } from 'node:crypto'
import { type Clock, HomelabError, type Http, type Lab, type Shell, type Shells } from '@homelab/core'
import { createCloudflare } from '@homelab/core/cloudflare'
import type { Inventory, TraefikSettings } from '@homelab/core/inventory'
import type { Secrets } from '@homelab/core/node'
import {
  createDirectory,
  createDocument,
  createTraefik,
  type Documents,
  type RoutePlace,
} from '@homelab/core/traefik'
import { createNetwork, type Network } from '@homelab/core/tunnel'

export interface NetworkOptions {
  readonly inventory: () => Inventory
  readonly secrets: Secrets
  readonly lab: Lab
  readonly shells: Shells
  readonly clock: Clock
  /** Checks certificates: the token of Cloudflare goes by it. */
  readonly http: Http
  /** Accepts any: carries no secret. */
  readonly plain: Http
  /** What Traefik's HTTP provider asks the bot for; absent in a lone terminal. */
  readonly documents?: Documents
}

/** Whether the file says how to reach the tunnel. */
export const hasNetwork = ({ network }: Inventory): boolean => network.tunnel?.token !== undefined

/** What of it names an account is read once; the rest at every use, so that a reload counts. */
export function connectNetwork(options: NetworkOptions): Network {
  const { inventory, secrets, lab, shells, clock, http, plain, documents } = options
  const settings = () => inventory().network
  const { account, api } = settings().tunnel ?? {}
  const files = createDirectory({
    shell: (signal) => traefikShell(settings().traefik, lab, shells, signal),
    directory: () => settings().traefik.directory,
  })
  const document = documents === undefined ? undefined : createDocument(documents)
  return createNetwork({
    cloudflare: createCloudflare({
      http,
      clock,
      token: () => tokenOf(inventory(), secrets),
      ...(account === undefined ? {} : { account }),
      ...(api === undefined ? {} : { api }),
    }),
    traefik: createTraefik({
      http: plain,
      clock,
      api: () => apiOf(inventory()),
      place: () => (settings().traefik.provider === 'file' ? files : (document ?? noDocument())),
    }),
    settings,
    probe: plain,
    clock,
    crypto: {
      random: (count) => new Uint8Array(randomBytes(count)),
      fingerprint: (text) => createHash('sha256').update(text).digest('hex'),
    },
  })
}

async function tokenOf({ network }: Inventory, secrets: Secrets) {
  const token = network.tunnel?.token
  if (token !== undefined) return await secrets.resolve(token)
  throw new HomelabError('config', 'homelab.yaml has no `network.tunnel.token` any more.')
}

function apiOf({ network, services }: Inventory): string {
  const { api, service } = network.traefik
  const address = services.find(({ name }) => name.toLowerCase() === service.toLowerCase())?.address
  if (api !== undefined) return api
  if (address !== undefined) return `http://${address}:8080`
  throw new HomelabError('config', "homelab.yaml does not say where Traefik's API answers.", {
    hint: 'Set `network.traefik.api`, such as http://192.168.1.101:8080; `api: { insecure: true }` in its static configuration opens it there.',
  })
}

async function traefikShell(
  { node, service }: TraefikSettings,
  lab: Lab,
  shells: Shells,
  signal: AbortSignal | undefined,
): Promise<Shell> {
  if (node !== undefined) return shells.host(node)
  const [target] = await lab.resolve([service], signal === undefined ? {} : { signal })
  if (target !== undefined && target.guest.type === 'lxc' && shells.has(target.guest.node))
    return shells.guest(target.guest)
  throw new HomelabError('config', `There is no way into ${service}, where Traefik's files are.`, {
    hint: 'A container on a node with `proxmox.ssh` can be entered; `network.traefik.node` is for one on the node itself, `provider: http` needs no way in.',
  })
}

function noDocument(): RoutePlace {
  throw new HomelabError(
    'config',
    'Traefik asks the bot for its routes (`provider: http`), and no bot is here.',
    {
      hint: 'Start the bot, and ask it: a terminal finds it by itself.',
    },
  )
}
