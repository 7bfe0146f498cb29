import { z } from 'zod'
import { errorData, isHomelabError } from '../../errors.ts'
import type { Health } from '../../health/types.ts'
import type { TunnelSettings } from '../../inventory/network-schema.ts'
import type { Lab } from '../../inventory/types.ts'
import type { Tone } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import { duration } from '../../operation/view.ts'
import type { Http } from '../../ports.ts'
import { ingressOf } from '../../tunnel/ingress.ts'
import { tunnelOf, tunnelSettings } from '../../tunnel/where.ts'

const statuses = ['inactive', 'degraded', 'healthy', 'down'] as const
const tones: Record<(typeof statuses)[number], Tone> = {
  healthy: 'ok',
  degraded: 'warning',
  down: 'error',
  inactive: 'error',
}

export const tunnelStatus = defineOperation({
  id: 'tunnel.status',
  chat: 'tunnel status',
  title: 'Show the tunnel and its connectors',
  description:
    'Whether it is connected, by which cloudflared, since when, and where to. Also while it is down.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({}),
  output: z.object({
    id: z.string(),
    name: z.string(),
    status: z.enum(statuses),
    /** Where its rules are. */
    kept: z.enum(['cloudflare', 'file']),
    rules: z.int().optional(),
    version: z.int().optional(),
    connectors: z.array(
      z.object({
        id: z.string(),
        version: z.string(),
        arch: z.string().optional(),
        originIp: z.string().optional(),
        /** ISO 8601. */
        openedAt: z.string().optional(),
        configVersion: z.int().optional(),
        colos: z.array(z.string()),
      }),
    ),
    /** What cloudflared itself says, inside its guest: `up`, `down: …`. */
    ready: z.string().optional(),
    /** What could not be asked. */
    problems: z.array(z.string()),
    /** ISO 8601, of the answer. */
    at: z.string(),
  }),
  needs: ['lab', 'health', 'shells', 'clock', 'network'],
  run: async (_input, services, { signal }) => {
    const { lab, health, network, clock } = services
    const { cloudflare } = network
    const id = tunnelSettings(network).id ?? (await tunnelOf(network, signal)).id
    const ingress = ingressOf(id, services)
    const problems: string[] = []
    const orProblem = async <T>(work: Promise<T>): Promise<T | undefined> => {
      try {
        return await work
      } catch (error) {
        signal.throwIfAborted()
        if (!isHomelabError(error)) throw error
        problems.push(errorData(error).message)
        return undefined
      }
    }
    // What the tunnel was some seconds ago is no answer to how it is.
    const [tunnel, connectors, rules, configuration, ready] = await Promise.all([
      cloudflare.tunnel(id, signal),
      orProblem(cloudflare.connectors(id, signal)),
      ingress.kept === 'file' ? orProblem(ingress.read(signal)) : undefined,
      ingress.kept === 'cloudflare' ? orProblem(cloudflare.configuration(id, signal)) : undefined,
      readyOf(tunnelSettings(network), lab, health, network.probe, signal),
    ])
    const count = (rules ?? configuration?.rules)?.length
    return {
      id: tunnel.id,
      name: tunnel.name,
      status: tunnel.status,
      kept: ingress.kept,
      ...(count === undefined ? {} : { rules: count }),
      ...(configuration === undefined ? {} : { version: configuration.version }),
      connectors: (connectors ?? []).map(({ connections, ...connector }) => ({
        ...connector,
        colos: connections.map(({ colo }) => colo),
      })),
      ...(ready === undefined ? {} : { ready }),
      problems,
      at: clock.now().toISOString(),
    }
  },
  failed: ({ status }) => status !== 'healthy',
  card: ({ name, status, kept, rules, version, connectors, ready, problems, at }) => ({
    title: `Tunnel ${name}: ${status}`,
    tone: tones[status],
    ...(status === 'down' || status === 'inactive'
      ? { text: 'Visitors see error 1033: no cloudflared is connected.' }
      : {}),
    sections: [
      {
        kind: 'fields',
        fields: [
          {
            name: 'Rules',
            value: `${rules ?? 'unknown'}${kept === 'file' ? ', in config.yml' : version === undefined ? '' : ` (version ${version})`}`,
          },
          ...(ready === undefined ? [] : [{ name: 'cloudflared', value: ready }]),
        ],
      },
      ...(connectors.length === 0
        ? []
        : [
            {
              kind: 'table' as const,
              title: connectors.length === 1 ? 'Connector' : 'Connectors',
              columns: [{ name: 'Version' }, { name: 'To' }, { name: 'Since' }],
              rows: connectors.map((each) => [
                each.version,
                each.colos.length === 0
                  ? { text: 'not connected', tone: 'error' as const }
                  : each.colos.join(', '),
                each.openedAt === undefined
                  ? '–'
                  : duration(new Date(at).getTime() - new Date(each.openedAt).getTime()),
              ]),
            },
          ]),
      ...(problems.length === 0
        ? []
        : [{ kind: 'list' as const, title: 'Could not be asked', items: problems }]),
    ],
    buttons: [
      { label: 'Routes', action: { kind: 'command', text: 'tunnel routes' } },
      { label: 'Compare', action: { kind: 'command', text: 'tunnel drift' } },
    ],
  }),
})

const Ready = z.object({ readyConnections: z.int() })

/** By its metrics where the file says where, else by its health check in its guest; undefined when there is no such service. */
async function readyOf(
  { metrics, service }: TunnelSettings,
  lab: Lab,
  health: Health,
  probe: Http,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    if (metrics !== undefined) {
      const { status, body } = await probe.request({
        method: 'GET',
        url: `${metrics}/ready`,
        timeoutMs: 5_000,
        signal,
      })
      const ready = Ready.safeParse(JSON.parse(body))
      const count = ready.success ? `${ready.data.readyConnections} connections` : `HTTP ${status}`
      return status === 200 ? count : `not ready: ${count}`
    }
    const [target] = await lab.resolve([service?.[0] ?? 'cloudflared'], { signal })
    if (target === undefined) return undefined
    const { state, detail } = await health.check(target, { signal })
    return state === 'none' ? undefined : state === 'up' ? detail : `${state}: ${detail}`
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof SyntaxError) return 'its metrics answer is no JSON'
    if (!isHomelabError(error)) throw error
    return metrics === undefined ? undefined : error.message
  }
}
