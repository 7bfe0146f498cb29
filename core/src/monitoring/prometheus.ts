/** The client of Prometheus' HTTP API, as far as it is used: one instant, or a range. */
import { z } from 'zod'
import type { SecretSource } from '../backup/plan.ts'
import { HomelabError } from '../errors.ts'
import type { PrometheusSettings } from '../inventory/monitoring-schema.ts'
import type { Http, HttpResponse } from '../ports.ts'
import { toBase64 } from '../tunnel/base64.ts'
import type { Point, Span } from './types.ts'

export interface PrometheusOptions {
  readonly http: Http
  /** Read at every use; undefined: there is none. */
  readonly settings: () => PrometheusSettings | undefined
  readonly secrets: SecretSource
}

export interface PromSeries {
  readonly labels: Readonly<Record<string, string>>
  readonly points: readonly Point[]
}

export interface Prometheus {
  readonly configured: boolean
  /** Now, or at this time in milliseconds. */
  instant(
    query: string,
    options?: { readonly at?: number; readonly signal?: AbortSignal },
  ): Promise<readonly PromSeries[]>
  /** @throws HomelabError `usage` for more series than fit on a chart */
  range(query: string, span: Span, stepMs: number, signal?: AbortSignal): Promise<readonly PromSeries[]>
}

/** More than this nobody can tell apart, and nobody asked for. */
export const MOST_SERIES = 50
const MOST_POINTS = 300
const MOST_BYTES = 8 * 1024 * 1024
const TIMEOUT_MS = 15_000

const secondsOf = [15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400]

/** The finest round step with which the span has at most about 300 points, in milliseconds. */
export function stepOf({ from, to }: Span): number {
  const least = (to - from) / 1000 / MOST_POINTS
  const round = secondsOf.find((seconds) => seconds >= least)
  return (round ?? Math.ceil(least / 86_400) * 86_400) * 1000
}

const Sample = z.tuple([z.number(), z.string()])
const Labels = z.record(z.string(), z.string())
const Data = z.discriminatedUnion('resultType', [
  z.object({
    resultType: z.literal('matrix'),
    result: z.array(z.object({ metric: Labels, values: z.array(Sample).catch([]) })),
  }),
  z.object({
    resultType: z.literal('vector'),
    result: z.array(z.object({ metric: Labels, value: Sample.optional() })),
  }),
  z.object({ resultType: z.literal('scalar'), result: Sample }),
])
const Body = z.object({ status: z.literal('success'), data: Data })
const Refusal = z.object({ status: z.literal('error'), errorType: z.string(), error: z.string() })

export function createPrometheus({ http, settings, secrets }: PrometheusOptions): Prometheus {
  async function ask(path: string, form: Readonly<Record<string, string>>, signal?: AbortSignal) {
    const found = settings()
    if (found === undefined)
      throw new HomelabError('config', 'homelab.yaml names no Prometheus.', {
        hint: 'Add `monitoring.prometheus.url`: docs/configuration.md.',
      })
    // By POST: a query may be longer than an address can be, and it stays out of the logs of proxies.
    const response = await http.request({
      method: 'POST',
      url: `${found.url}/api/v1/${path}`,
      headers: {
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
        ...(await credentials(found)),
      },
      body: Object.entries(form)
        .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
        .join('&'),
      timeoutMs: TIMEOUT_MS,
      maxBytes: MOST_BYTES,
      ...(signal === undefined ? {} : { signal }),
    })
    return dataOf(response)
  }

  async function credentials({ token, login }: PrometheusSettings): Promise<Record<string, string>> {
    if (token !== undefined) return { authorization: `Bearer ${(await secrets.resolve(token)).reveal()}` }
    if (login === undefined) return {}
    const password = (await secrets.resolve(login.password)).reveal()
    return { authorization: `Basic ${toBase64(new TextEncoder().encode(`${login.user}:${password}`))}` }
  }

  return {
    get configured() {
      return settings() !== undefined
    },
    async instant(query, { at, signal } = {}) {
      const time = at === undefined ? {} : { time: String(at / 1000) }
      const data = await ask('query', { query, ...time }, signal)
      if (data.resultType === 'scalar') return [{ labels: {}, points: pointsOf([data.result]) }]
      if (data.resultType === 'matrix') return data.result.map(toSeries)
      return data.result.map(({ metric, value }) => ({
        labels: metric,
        points: value === undefined ? [] : pointsOf([value]),
      }))
    },
    async range(query, { from, to }, stepMs, signal) {
      const times = { start: String(from / 1000), end: String(to / 1000), step: String(stepMs / 1000) }
      const data = await ask('query_range', { query, ...times, timeout: '10s' }, signal)
      if (data.resultType !== 'matrix') throw strange(`a ${data.resultType} for a range`)
      if (data.result.length > MOST_SERIES)
        throw new HomelabError(
          'usage',
          `This query has ${data.result.length} series; at most ${MOST_SERIES} are taken.`,
          {
            hint: 'Sum them, or ask for fewer: sum by (…), topk(10, …).',
          },
        )
      return data.result.map(toSeries)
    },
  }
}

const toSeries = ({
  metric,
  values,
}: {
  metric: Record<string, string>
  values: [number, string][]
}): PromSeries => ({
  labels: metric,
  points: pointsOf(values),
})

/** `NaN` and `+Inf` are no measurements: a division by zero, or a quantile of nothing. */
const pointsOf = (samples: readonly (readonly [number, string])[]): readonly Point[] =>
  samples.flatMap(([seconds, text]) => {
    const value = Number(text)
    return Number.isFinite(value) ? [{ at: Math.round(seconds * 1000), value }] : []
  })

const strange = (what: string): HomelabError =>
  new HomelabError('config', `What answers at the address of Prometheus sends ${what}.`, {
    hint: '`monitoring.prometheus.url` of homelab.yaml is where Prometheus itself is, past the login page of a proxy.',
  })

function dataOf(response: HttpResponse): z.output<typeof Data> {
  const { status, statusText } = response
  const body = json(response.body)
  const refusal = Refusal.safeParse(body)
  const said = refusal.success ? refusal.data.error.slice(0, 300) : statusText
  if (status === 401 || status === 403)
    throw new HomelabError('unauthorised', `Prometheus does not take the credentials (${status}).`, {
      hint: 'Give `token` or `login` under `monitoring.prometheus` in homelab.yaml.',
      data: { status },
    })
  if (status >= 300 && status < 400) throw strange('us somewhere else')
  if (status === 503 || status === 504 || status === 502 || status === 429)
    throw new HomelabError('unreachable', `Prometheus cannot answer now: ${said}.`, {
      hint: 'A query that takes too long is stopped: ask for less time.',
      data: { status },
    })
  if (refusal.success)
    throw new HomelabError('failed', `Prometheus refuses the query: ${said}`, {
      data: { status, kind: refusal.data.errorType },
    })
  if (status < 200 || status > 299) throw strange(`status ${status}`)
  const parsed = Body.safeParse(body)
  if (!parsed.success) throw strange(body === undefined ? 'a page' : 'something else than its API does')
  return parsed.data.data
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
