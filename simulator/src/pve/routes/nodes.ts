import { maybe, oneOf } from '../params.ts'
import type { Route } from '../route.ts'
import { nodeUsage } from './cluster.ts'
import { history } from './rrd.ts'

const GiB = 1024 ** 3
const audit = { path: '/nodes/{node}', privs: ['Sys.Audit'] }

export const nodeRoutes: readonly Route[] = [
  {
    verb: 'GET',
    path: '/nodes',
    allow: 'all',
    handle: ({ sim, caller }) =>
      sim.lab.nodes.map((node) => {
        const online = sim.lab.online(node.name)
        const row = {
          id: `node/${node.name}`,
          node: node.name,
          type: 'node',
          status: online ? 'online' : 'offline',
        }
        if (!online || !sim.access.may(caller, `/nodes/${node.name}`, ['Sys.Audit'])) return row
        return {
          ...row,
          level: '',
          ...nodeUsage(sim, node),
          maxcpu: node.cores,
          maxmem: node.memory,
          disk: node.rootfs.used,
          maxdisk: node.rootfs.total,
        }
      }),
  },
  {
    verb: 'GET',
    path: '/nodes/{node}/status',
    allow: audit,
    handle: ({ sim, values }) => {
      const node = sim.lab.node(values.node ?? '')
      if (!node) return null
      const usage = nodeUsage(sim, node)
      const nine = sim.options.pve >= '9'
      const kernel = nine ? '6.14.11-4-pve' : '6.8.12-11-pve'
      const built = `#1 SMP PREEMPT_DYNAMIC PMX ${kernel}`
      const load = usage.cpu * node.cores
      return {
        uptime: usage.uptime,
        cpu: usage.cpu,
        wait: 0.002,
        idle: 0,
        loadavg: [load, load * 0.9, load * 0.85].map((value) => value.toFixed(2)),
        memory: {
          total: node.memory,
          used: usage.mem,
          free: node.memory - usage.mem,
          ...(nine && { available: node.memory - Math.round(usage.mem * 0.8) }),
        },
        swap: { total: 8 * GiB, used: 0, free: 8 * GiB },
        rootfs: {
          ...node.rootfs,
          avail: node.rootfs.total - node.rootfs.used,
          free: node.rootfs.total - node.rootfs.used,
        },
        ksm: { shared: 0 },
        cpuinfo: {
          model: node.cpuModel,
          cores: node.cores / 2,
          cpus: node.cores,
          sockets: 1,
          mhz: '4000.000',
          hvm: '1',
          user_hz: 100,
          flags: '',
        },
        pveversion: nine ? 'pve-manager/9.0.11/3bf5476b8a4699e2' : 'pve-manager/8.4.5/57892e8e686cb35b',
        kversion: `Linux ${kernel} ${built}`,
        'current-kernel': { sysname: 'Linux', release: kernel, version: built, machine: 'x86_64' },
        'boot-info': { mode: 'efi', secureboot: 0 },
      }
    },
  },
  {
    verb: 'GET',
    path: '/nodes/{node}/rrddata',
    params: { timeframe: oneOf('hour', 'day', 'week', 'month', 'year'), cf: maybe(oneOf('AVERAGE', 'MAX')) },
    allow: audit,
    handle: ({ sim, values }) => {
      const node = sim.lab.node(values.node ?? '')
      if (!node) return []
      return history(sim, values.timeframe ?? 'hour', node.bootedAt, (_, round) => {
        const cpu = 0.06 + 0.001 * (round % 100)
        return {
          cpu,
          iowait: 0.002,
          loadavg: cpu * node.cores,
          maxcpu: node.cores,
          memtotal: node.memory,
          memused: Math.round(node.memory * 0.6),
          ...(sim.options.pve >= '9' && { memavailable: Math.round(node.memory * 0.4) }),
          netin: 120_000 + (round % 7) * 10_000,
          netout: 90_000 + (round % 5) * 9_000,
          roottotal: node.rootfs.total,
          rootused: node.rootfs.used,
          swaptotal: 8 * GiB,
          swapused: 0,
        }
      })
    },
  },
]
