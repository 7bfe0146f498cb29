/** Votes and links of the cluster, as its corosync.conf has them. */
import type { Route } from '../route.ts'

const allow = { path: '/', privs: ['Sys.Audit'] }

export const corosyncRoutes: readonly Route[] = [
  {
    verb: 'GET',
    path: '/cluster/config/nodes',
    allow,
    // A node that is in no cluster has no such file.
    handle: ({ sim }) =>
      sim.lab.nodes.length === 1
        ? []
        : sim.lab.nodes.map(({ name, ip }, index) => ({
            node: name,
            name,
            nodeid: String(index + 1),
            quorum_votes: '1',
            ring0_addr: ip,
          })),
  },
  {
    verb: 'GET',
    path: '/cluster/config/qdevice',
    allow,
    handle: () => ({}),
  },
]
