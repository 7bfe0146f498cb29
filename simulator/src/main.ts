/** A homelab as a process: one JSON line on stdout when everything listens, then it runs until it is told to end. */
import { createAuthority } from './certificate.ts'
import { startCloudflare } from './cloudflare/cloudflare.ts'
import { controlRoutes } from './control/server.ts'
import type { Options } from './options.ts'
import { parseOptions, usage } from './options.ts'
import { serveControl } from './process/control.ts'
import type { Running } from './process/run.ts'
import { runProcess } from './process/run.ts'
import { Auth } from './pve/auth.ts'
import { Gate } from './pve/gate.ts'
import { Router } from './pve/router.ts'
import { haRuleRoutes } from './pve/routes/ha.ts'
import { routes } from './pve/routes/index.ts'
import type { Endpoint } from './pve/server.ts'
import { serveApi } from './pve/server.ts'
import { startServices } from './services/services.ts'
import { createSim } from './sim.ts'
import { startSsh } from './ssh/server.ts'
import { startTraefik } from './traefik/traefik.ts'

async function start(options: Options): Promise<Running> {
  const sim = createSim(options)
  const gate = new Gate(sim.journal)
  const auth = new Auth(sim)
  const router = new Router(options.pve >= '9' ? [...routes, ...haRuleRoutes] : routes)
  const authority = await createAuthority()
  const services = await startServices(sim)
  const cloudflare = await startCloudflare(sim, services)
  const traefik = await startTraefik(sim, services)
  // Where the rules of the tunnel lead: the address of Traefik in the lab's network.
  if (traefik !== undefined) {
    const { hostname, port } = new URL(traefik.web)
    cloudflare.origins.set('192.168.1.101:80', { host: hostname, port: Number(port) })
  }

  const endpoints: Endpoint[] = []
  const fingerprints: string[] = []
  for (const [index, node] of sim.lab.nodes.slice(0, options.endpoints).entries()) {
    const certificate = await authority.issue(node.name)
    fingerprints.push(certificate.fingerprint)
    endpoints.push(
      await serveApi(sim, node.name, index === 0 ? options.port : 0, certificate, router, auth, gate),
    )
  }
  const ssh = await startSsh(sim, services)
  const control = await serveControl(
    controlRoutes({
      sim,
      gate,
      services,
      endpoints,
      ssh,
      traefik,
      peers: [cloudflare],
      renewCertificates: async () => {
        const renewed = await Promise.all(
          endpoints.map(async (endpoint) => ({
            endpoint,
            certificate: await authority.issue(endpoint.node),
          })),
        )
        for (const { endpoint, certificate } of renewed) endpoint.setCertificate(certificate)
        return renewed[0]?.certificate.fingerprint ?? ''
      },
    }),
  )
  await ssh.install(control.url, [...cloudflare.files, ...(traefik === undefined ? [] : [traefik.files])])

  const url = ({ port }: Endpoint): string => `https://127.0.0.1:${port}`
  const token = sim.access.token('homelab@pve!desk')
  const [first] = endpoints
  const ready = {
    pve: first ? url(first) : '',
    fingerprint: fingerprints[0],
    endpoints: endpoints.map((endpoint, index) => ({
      node: endpoint.node,
      url: url(endpoint),
      fingerprint: fingerprints[index],
    })),
    ca: authority.ca,
    token: { id: token?.id, secret: token?.secret },
    user: { name: 'root@pam', password: sim.access.rootPassword },
    ssh: { ...ssh.login, env: ssh.env },
    control: control.url,
    services: services.addresses,
    cloudflare: cloudflare.ready,
    ...(traefik && {
      traefik: { api: traefik.api, web: traefik.web, directory: traefik.directory, root: traefik.files.root },
    }),
    ...(sim.real && { real: sim.real.view }),
    pid: process.pid,
  }

  return {
    ready,
    close: [
      ssh.close,
      async () => sim.real?.close(),
      control.close,
      cloudflare.close,
      ...(traefik === undefined ? [] : [traefik.close]),
      services.close,
      ...endpoints.map(({ close }) => close),
    ],
  }
}

runProcess({ name: 'simulator', usage, parseOptions, start })
