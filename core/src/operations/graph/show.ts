import { z } from 'zod'
import { Severity } from '../../alerts/types.ts'
import { durationText } from '../../duration.ts'
import { HomelabError } from '../../errors.ts'
import { type Forecast, forecast } from '../../monitoring/forecast.ts'
import { metrics } from '../../monitoring/types.ts'
import { defineOperation } from '../../operation/define.ts'
import { graphCard } from './card.ts'
import { incidentsAbout } from './incidents.ts'
import { readWords, wantedOf } from './words.ts'

const ForecastOutput = z.discriminatedUnion('kind', [
  /** `at` in milliseconds since the epoch, `perDay` in bytes. */
  z.object({ kind: z.literal('full'), at: z.number(), perDay: z.number() }),
  z.object({
    kind: z.literal('not-in-sight'),
    why: z.enum(['steady', 'unsteady', 'far']),
    perDay: z.number(),
  }),
  z.object({ kind: z.literal('unknown'), points: z.int() }),
])

export const GraphOutput = z.object({
  target: z.string(),
  kind: z.enum(['guest', 'node', 'storage']),
  metric: z.enum(metrics),
  unit: z.enum(['share', 'bytes', 'bytes/s']),
  source: z.enum(['prometheus', 'proxmox']),
  /** Why it does not come from where it should. */
  note: z.string().optional(),
  /** Milliseconds since the epoch. */
  from: z.number(),
  to: z.number(),
  timezone: z.string().optional(),
  /** What there is of it, in its unit. */
  limit: z.number().optional(),
  /** Percent of the limit. */
  warn: z.number().optional(),
  crit: z.number().optional(),
  forecast: ForecastOutput.optional(),
  /** About it, and open in this time; `to` is absent while it is. Where nobody keeps any, none. */
  incidents: z.array(
    z.object({
      id: z.string(),
      title: z.string(),
      severity: Severity,
      from: z.number(),
      to: z.number().optional(),
    }),
  ),
  series: z.array(
    z.object({
      name: z.string(),
      /** Milliseconds between two points when none is missing. */
      stepMs: z.number(),
      /** Milliseconds since the epoch, value. */
      points: z.array(z.tuple([z.number(), z.number()])),
    }),
  ),
})
export type GraphOutput = z.output<typeof GraphOutput>

const DAY_MS = 86_400_000

export const graph = defineOperation({
  id: 'graph.show',
  chat: 'graph',
  title: 'Draw a graph',
  description:
    'What a service, a node or a storage used over time, as a picture and in words; of a storage also when it will be full. Incidents about it are shaded. From Prometheus where homelab.yaml names one, else from the records of Proxmox.',
  risk: 'read',
  permission: 'viewer',
  input: z.object({
    target: z
      .string()
      .describe('Service or guest; or node, storage, with its name after it')
      .meta({ suggest: 'services' }),
    words: z
      .array(z.string())
      .max(3)
      .default([])
      .describe('Of what, and how far back: cpu, memory, disk or network; 1h, 24h, 7d or 30d'),
  }),
  output: GraphOutput,
  positional: ['target', 'words'],
  examples: ['graph plex cpu 24h', 'graph node memory 7d', 'graph storage tesla 30d'],
  needs: ['lab', 'monitoring', 'clock'],
  wants: ['incidents'],
  run: async ({ target, words }, { lab, monitoring, clock, incidents }, { signal }) => {
    const read = readWords(target, words)
    const wanted = await wantedOf(lab, target, read.name, signal)
    const { subject } = wanted
    const storage = subject.kind === 'storage'
    const metric = read.metric ?? (storage ? 'disk' : 'cpu')
    if (storage && metric !== 'disk')
      throw new HomelabError('usage', `Of a storage only "disk" is measured, not ${metric}.`, {
        hint: `graph storage ${wanted.title} ${durationText(read.spanMs ?? 30 * DAY_MS)}`,
      })
    const to = clock.now().getTime()
    const span = { from: to - (read.spanMs ?? (storage ? 30 : 1) * DAY_MS), to }
    const [{ source, series, note }, about] = await Promise.all([
      monitoring.read(subject, metric, span, signal),
      incidentsAbout(incidents, wanted, span),
    ])
    const limit = wanted.limits[metric]
    const [first] = series
    const found: Forecast | undefined =
      storage && limit !== undefined && first !== undefined ? forecast(first, limit) : undefined
    const { timezone } = lab.inventory
    return {
      target: wanted.title,
      kind: subject.kind,
      metric,
      unit: first?.unit ?? 'share',
      source,
      ...(note === undefined ? {} : { note }),
      ...span,
      ...(timezone === undefined ? {} : { timezone }),
      ...(limit === undefined || limit <= 0 ? {} : { limit }),
      ...(wanted.warn === undefined ? {} : { warn: wanted.warn }),
      ...(wanted.crit === undefined ? {} : { crit: wanted.crit }),
      ...(found === undefined ? {} : { forecast: found }),
      incidents: about,
      series: series.map(({ name, stepMs, points }) => ({
        name,
        stepMs,
        points: points.map(({ at, value }): [number, number] => [at, value]),
      })),
    }
  },
  card: (output) => graphCard(output),
})
