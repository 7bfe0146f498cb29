/** A lab with hundreds of host names, all as they are meant, and what comparing them costs. */
import { inlineDesk } from '../../../bot/src/cli/inline.ts'
import { cloudflarePeer } from '../../support/cloudflare.ts'
import type { Simulator } from '../../support/simulator.ts'
import { sourceOf } from '../../support/source.ts'

export interface DriftFigures {
  /** Of one comparison, each. */
  readonly times: readonly number[]
  /** Calls of Cloudflare a comparison. */
  readonly calls: number
  readonly hostnames: number
  /** Rows that name one of the hostnames: there should be none. */
  readonly rows: number
}

export async function manyHostnames(
  simulator: Simulator,
  count: number,
  rounds: number,
): Promise<DriftFigures> {
  const peer = cloudflarePeer(simulator)
  const { cloudflare, services } = simulator.lab
  const names = Array.from({ length: count }, (_, n) => `r${n}.many.${cloudflare.domain}`)
  const content = `${cloudflare.tunnel}.cfargotunnel.com`
  await peer.post('records', {
    name: `many.${cloudflare.domain}`,
    content,
    comment: 'homelab: jellyfin',
    count,
  })
  await peer.post('apps', { domain: `other.${cloudflare.domain}`, count: count / 2 })
  const before = (await peer.state()).tunnels[0]?.config?.ingress ?? []
  const rules = names.map((hostname) => ({ hostname, service: 'http://192.168.1.101:80' }))
  await peer.post('tunnel', { config: { ingress: [...rules, ...before] } })
  const at = services.jellyfin
  const text = `http:\n  routers:\n${names
    .map((name, n) => `    many-${n}:\n      rule: Host(\`${name}\`)\n      service: many\n`)
    .join(
      '',
    )}  services:\n    many:\n      loadBalancer:\n        servers:\n          - url: http://${at?.host}:${at?.port}\n`
  const mark = await simulator.mark()
  await simulator.traefikFiles({ 'many.yml': text })
  await simulator.waitFor({ kind: 'traefik', what: 'loaded' }, { after: mark })
  await using desk = await inlineDesk(
    await sourceOf(simulator, {
      change: (inventory) => ({
        ...inventory,
        network: {
          ...inventory.network,
          routes: [
            ...inventory.network.routes,
            ...names.map((hostname) => ({ hostname, service: 'jellyfin', public: true })),
          ],
        },
      }),
    }),
  )
  const compare = async () => {
    const posted = await desk.desk.settled(desk.submit('tunnel drift', true).id)
    const { rows = [] } = (posted.output ?? {}) as { rows?: { subject: string }[] }
    return rows.filter(({ subject }) => subject.includes('.many.')).length
  }
  const total = async () => Object.values(await peer.calls()).reduce((sum, each) => sum + each, 0)
  let rows = await compare()
  const calls = await total()
  const times: number[] = []
  for (let round = 0; round < rounds; round++) {
    const began = performance.now()
    rows += await compare()
    times.push(performance.now() - began)
  }
  return { times, calls: ((await total()) - calls) / rounds, hostnames: count, rows }
}
