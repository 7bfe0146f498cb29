/** Measurements by meaning: Prometheus where it has them, else what Proxmox recorded. */
import { HomelabError, isHomelabError } from '../errors.ts'
import type { Proxmox } from '../proxmox/types.ts'
import type { Prometheus } from './prometheus.ts'
import { stepOf } from './prometheus.ts'
import { queriesOf } from './promql.ts'
import { readRrd, units } from './rrd.ts'
import type { Metric, Monitoring, Series, Span, Subject } from './types.ts'

export interface MonitoringOptions {
  readonly prometheus: Prometheus
  readonly proxmox: Pick<Proxmox, 'history'>
}

export function createMonitoring({ prometheus, proxmox }: MonitoringOptions): Monitoring {
  async function fromPrometheus(subject: Subject, metric: Metric, span: Span, signal?: AbortSignal) {
    const stepMs = stepOf(span)
    for (const queries of queriesOf(subject, metric, stepMs)) {
      const answers = await Promise.all(
        queries.map(async ({ name, query }): Promise<readonly Series[]> => {
          const found = await prometheus.range(query, span, stepMs, signal)
          return found.flatMap(({ points }) =>
            points.length === 0 ? [] : [{ name, unit: units[metric], stepMs, points }],
          )
        }),
      )
      const series = answers.flat()
      if (series.length > 0) return series
    }
    return []
  }

  return {
    async read(subject, metric, span, signal) {
      let note: string | undefined
      if (prometheus.configured) {
        try {
          const series = await fromPrometheus(subject, metric, span, signal)
          if (series.length > 0) return { source: 'prometheus', series }
          note = 'Prometheus has nothing of it'
        } catch (error) {
          signal?.throwIfAborted()
          if (!isHomelabError(error)) throw error
          note = [error.message, error.hint].filter((part) => part !== undefined).join(' ')
        }
      }
      const series = await readRrd(proxmox, subject, metric, span, signal)
      if (series.length > 0) return { source: 'proxmox', series, ...(note === undefined ? {} : { note }) }
      throw nothing(subject, metric, note)
    },
  }
}

function nothing(subject: Subject, metric: Metric, note: string | undefined): HomelabError {
  const tried = note === undefined ? '' : ` ${note.replace(/\.$/, '')}.`
  if (subject.kind === 'storage' && subject.storage === undefined)
    return new HomelabError(
      'not-found',
      `${subject.name} is a folder of ${subject.node} and no storage of Proxmox, which keeps no record of it.${tried}`,
      {
        hint: `Run node_exporter on ${subject.node} and name its Prometheus under \`monitoring.prometheus\` in homelab.yaml.`,
      },
    )
  const [name, hint] =
    subject.kind === 'guest'
      ? [subject.guest.name, 'Was it running then? `guest show` says since when it does.']
      : subject.kind === 'node'
        ? [subject.node, 'The token may lack Sys.Audit on /nodes.']
        : [subject.name, 'The token may lack Datastore.Audit on /storage.']
  return new HomelabError('not-found', `Nothing was recorded of ${metric} of ${name} in this time.${tried}`, {
    hint,
  })
}
