/** A lab with a tunnel: commands typed at a desk, and how all four places stand afterwards. */
import { request } from 'node:http'
import type { IngressRule } from '@homelab/core/cloudflare'
import type { Inventory } from '@homelab/core/inventory'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
import { type InlineDesk, inlineDesk } from '../../bot/src/cli/inline.ts'
import { type CloudflarePeer, cloudflarePeer } from '../support/cloudflare.ts'
import { type Faults, type Simulator, startSimulator } from '../support/simulator.ts'
import { sourceOf } from '../support/source.ts'

/** What is to be seen of a host name: nothing here is asked through homelab. */
export interface Places {
  readonly record: string | undefined
  readonly comment: string | null | undefined
  /** `service`, and whether cloudflared asks for a login. */
  readonly rule: string | undefined
  readonly enforced: boolean
  /** Traefik's router and its status. */
  readonly route: string | undefined
  readonly app: string | undefined
}

export const host = (label: string) => `${label}.harmeetrai.com`

export async function placesOf(simulator: Simulator, hostname: string): Promise<Places> {
  const state = await cloudflarePeer(simulator).state()
  const record = state.zones.flatMap(({ records }) => records).find(({ name }) => name === hostname)
  const rule = state.tunnels[0]?.config?.ingress.find((each) => each.hostname === hostname)
  const { routers } = await simulator.traefik()
  const router = routers.find((each) => each.rule === `Host(\`${hostname}\`)`)
  const app = state.apps.find(({ domain }) => domain === hostname || domain.startsWith(`${hostname}/`))
  const origin = (rule?.originRequest ?? {}) as { readonly access?: { readonly audTag?: readonly string[] } }
  return {
    record: record?.content,
    comment: record?.comment,
    rule: rule === undefined ? undefined : String(rule.service),
    enforced: origin.access?.audTag?.[0] !== undefined && origin.access.audTag[0] === app?.aud,
    route: router === undefined ? undefined : `${router.name} ${router.status}`,
    app: app?.domain,
  }
}

export const nothing: Places = {
  record: undefined,
  comment: undefined,
  rule: undefined,
  enforced: false,
  route: undefined,
  app: undefined,
}

/** What the internet gets. */
export const outside = ({ lab }: Simulator, hostname: string, path = '/'): Promise<number> =>
  new Promise((resolve, reject) => {
    request(`${lab.cloudflare.edge}${path}`, { headers: { host: hostname }, agent: false }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode ?? 0))
    })
      .on('error', reject)
      .end()
  })

export interface Typist extends AsyncDisposable {
  (text: string, confirmed?: boolean): Promise<Posted>
  readonly desk: InlineDesk
}

/** @returns what types a command and waits for its end; `confirmed` answers yes beforehand */
export async function open(
  simulator: Simulator,
  change: (inventory: Inventory) => Inventory = (same) => same,
): Promise<Typist> {
  const desk = await inlineDesk(await sourceOf(simulator, { change }))
  const type = async (text: string, confirmed = true): Promise<Posted> =>
    await desk.desk.settled(desk.submit(text, confirmed).id, { asking: true })
  return Object.assign(type, { desk, [Symbol.asyncDispose]: () => desk[Symbol.asyncDispose]() })
}

export const output = <T>(posted: Posted): T => {
  expect(posted.error, JSON.stringify(posted.card)).toBeUndefined()
  return posted.output as T
}
/** Of a check, which fails when something is wrong. */
export const found = <T>(posted: Posted): T => {
  expect(posted.output, JSON.stringify(posted.card)).toBeDefined()
  return posted.output as T
}
export const words = ({ card }: Posted): string => JSON.stringify(card)

/** The network of the file, changed. */
export const withNetwork =
  (change: (network: Inventory['network']) => Inventory['network']) =>
  (inventory: Inventory): Inventory => ({ ...inventory, network: change(inventory.network) })

/** As many calls as were made of Cloudflare's API since. */
export async function counted(simulator: Simulator): Promise<() => Promise<readonly string[]>> {
  const before = await cloudflarePeer(simulator).calls()
  return async () => {
    const after = await cloudflarePeer(simulator).calls()
    return Object.entries(after).flatMap(([call, count]) =>
      Array<string>(count - (before[call] ?? 0)).fill(call),
    )
  }
}

/** A simulator for the tests of one file, as at the start before each of them. */
export interface TunnelLab {
  readonly simulator: Simulator
  /** What types at a desk of its own, which ends with the test. @param token another one of Cloudflare */
  readonly typing: (change?: (inventory: Inventory) => Inventory, token?: string) => Promise<Typist>
  readonly peer: () => CloudflarePeer
  /** What a record of the lab's tunnel leads to. */
  readonly target: () => string
  readonly rules: () => Promise<readonly IngressRule[]>
  /** Writes the rules as somebody else does. */
  readonly write: (ingress: readonly object[]) => Promise<unknown>
  /** A file in Traefik's directory by a person's hand, and Traefik noticed; null takes it away. */
  readonly routeFile: (name: string, text: string | null) => Promise<void>
  /** All of it but how often the rules were written. */
  readonly everything: () => Promise<unknown>
}

/** To be called once, where a file begins. */
export function tunnelLab(): TunnelLab {
  let started: Simulator | undefined
  const simulator = (): Simulator => {
    if (started === undefined) throw new Error('the simulator has not started')
    return started
  }
  const typists: Typist[] = []
  beforeAll(async () => {
    started = await startSimulator({ speed: 0.02 })
  })
  afterAll(() => started?.stop())
  beforeEach(async () => {
    await simulator().reset()
    await simulator().fault({ stale: false })
  })
  afterEach(async () => {
    for (const typist of typists.splice(0)) await typist[Symbol.asyncDispose]()
  })
  const peer = () => cloudflarePeer(simulator())
  return {
    get simulator() {
      return simulator()
    },
    async typing(change, token) {
      const { lab } = simulator()
      const as =
        token === undefined
          ? simulator()
          : { ...simulator(), lab: { ...lab, cloudflare: { ...lab.cloudflare, token } } }
      const typist = await open(as, change)
      typists.push(typist)
      return typist
    },
    peer,
    target: () => `${simulator().lab.cloudflare.tunnel}.cfargotunnel.com`,
    rules: async () => (await peer().state()).tunnels[0]?.config?.ingress ?? [],
    write: async (ingress) => await peer().post('tunnel', { config: { ingress } }),
    async routeFile(name, text) {
      const mark = await simulator().mark()
      await simulator().traefikFiles({ [name]: text })
      await simulator().waitFor({ kind: 'traefik', what: 'loaded' }, { after: mark })
    },
    async everything() {
      const { zones, apps, tunnels } = await peer().state()
      const { routers } = await simulator().traefik()
      const config = tunnels[0]?.config
      return { zones, apps, config, routers: routers.toSorted((a, b) => (a.name < b.name ? -1 : 1)) }
    },
  }
}

/** Cloudflare refuses calls of this kind. */
export const refusing = (verb: string, path: string, code: number): Faults => ({
  cloudflareAnswers: [{ verb, path, status: 400, code, message: 'planted' }],
})

export interface DriftRow {
  readonly id: string
  readonly there: string
  readonly severity: string
  readonly fixable: boolean
}
const atStart = new Set([
  `private-open/${host('vault')}`,
  `enforce-missing/${host('n8n')}`,
  `enforce-missing/${host('grafana')}`,
])
/** Of the rows those that the lab of the start does not have. */
export const drift = async (type: Typist): Promise<readonly DriftRow[]> =>
  found<{ rows: DriftRow[] }>(await type('tunnel drift')).rows.filter(({ id }) => !atStart.has(id))
