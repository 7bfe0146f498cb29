/** Queries by meaning, for the exporters that labs commonly have: prometheus-pve-exporter and node_exporter. */
import type { Metric, Subject } from './types.ts'

/** The name of a series, and its query. */
export type Queries = readonly { readonly name: string; readonly query: string }[]

const quote = (text: string): string =>
  `"${text.replace(/[\\"]/g, (char) => `\\${char}`).replaceAll('\n', '\\n')}"`

/** Interfaces of guests and bridges would count what goes through the node's own a second time. */
const physical = 'device!~"lo|veth.*|tap.*|fwbr.*|fwpr.*|fwln.*|vmbr.*|bond.*\\\\..*|docker.*|br-.*"'
/** A rate needs two samples, and some labs scrape each minute or two. */
const LEAST_MS = 300_000

/** Ways to ask for it, the best one first: the next is for when the one before has nothing. */
export function queriesOf(subject: Subject, metric: Metric, stepMs: number): readonly Queries[] {
  const window = `[${Math.max(stepMs, LEAST_MS) / 1000}s]`
  const pve = pveQueries(subject, metric, window)
  const node = nodeQueries(subject, metric, window)
  return [pve, node].filter((queries) => queries.length > 0)
}

/** Several targets of the exporter say the same of a cluster: `max` makes one of them. */
function pveQueries(subject: Subject, metric: Metric, window: string): Queries {
  const id = idOf(subject)
  if (id === undefined || (subject.kind === 'storage' && metric !== 'disk')) return []
  const one = (name: string, over: string, gauge: string) => ({
    name,
    query: `max(${over}(${gauge}{id=${quote(id)}}${window}))`,
  })
  switch (metric) {
    case 'cpu':
      return [one('CPU', 'avg_over_time', 'pve_cpu_usage_ratio')]
    case 'memory':
      return [one('memory', 'avg_over_time', 'pve_memory_usage_bytes')]
    case 'disk':
      return [one(subject.kind === 'storage' ? 'used' : 'disk', 'avg_over_time', 'pve_disk_usage_bytes')]
    case 'network':
      return [
        one('in', 'rate', 'pve_network_receive_bytes'),
        one('out', 'rate', 'pve_network_transmit_bytes'),
      ]
  }
}

function idOf(subject: Subject): string | undefined {
  if (subject.kind === 'guest') return `${subject.guest.type}/${subject.guest.vmid}`
  if (subject.kind === 'node') return `node/${subject.node}`
  return subject.storage === undefined ? undefined : `storage/${subject.node}/${subject.storage}`
}

function nodeQueries(subject: Subject, metric: Metric, window: string): Queries {
  if (subject.kind === 'guest') return []
  const here = `* on (instance) group_left () node_uname_info{nodename=${quote(subject.node)}}`
  const full = (mount: string) => {
    const at = `{mountpoint=${quote(mount)},fstype!="rootfs"}`
    return `max((node_filesystem_size_bytes${at} - node_filesystem_free_bytes${at}) ${here})`
  }
  if (subject.kind === 'storage')
    return metric === 'disk' && subject.path !== undefined
      ? [{ name: 'used', query: full(subject.path) }]
      : []
  const traffic = (name: string, direction: string) => ({
    name,
    query: `sum(rate(node_network_${direction}_bytes_total{${physical}}${window}) ${here})`,
  })
  switch (metric) {
    case 'cpu':
      return [{ name: 'CPU', query: `1 - avg(rate(node_cpu_seconds_total{mode="idle"}${window}) ${here})` }]
    case 'memory':
      return [
        {
          name: 'memory',
          query: `max((node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes) ${here})`,
        },
      ]
    case 'disk':
      return [{ name: 'disk', query: full('/') }]
    case 'network':
      return [traffic('in', 'receive'), traffic('out', 'transmit')]
  }
}
