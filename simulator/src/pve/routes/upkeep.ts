import { createHash } from 'node:crypto'
import type { Route } from '../route.ts'

const DAY = 86_400
/** Of the authority of a cluster, in days. */
const TEN_YEARS = 3_650

/** What a node needs from time to time: updates, and certificates that are not over. */
export const upkeepRoutes: readonly Route[] = [
  {
    verb: 'GET',
    path: '/nodes/{node}/apt/update',
    allow: { path: '/nodes/{node}', privs: ['Sys.Modify'] },
    handle: ({ sim }) =>
      sim.faults.updates.map((name) => ({
        Package: name,
        Title: name,
        Description: `This is ${name}.`,
        Arch: 'amd64',
        OldVersion: '1.0-1',
        Version: '1.0-2',
        Origin: /^(?:pve|proxmox)-/.test(name) ? 'Proxmox' : 'Debian',
        Priority: 'optional',
        Section: 'admin',
      })),
  },
  {
    verb: 'GET',
    path: '/nodes/{node}/certificates/info',
    allow: 'all',
    handle: ({ sim, values }) => {
      const node = values.node ?? ''
      const from = Math.floor((sim.lab.node(node)?.bootedAt ?? 0) / 1000)
      const now = sim.clock.seconds()
      return [
        certificate('pve-root-ca.pem', 'CN=Proxmox Virtual Environment', [], from, from + TEN_YEARS * DAY),
        certificate(
          'pve-ssl.pem',
          `CN=${node}.homelab.lan`,
          ['127.0.0.1', 'localhost', node],
          from,
          now + sim.faults.certificateDays * DAY,
        ),
      ]
    },
  },
]

const certificate = (
  filename: string,
  subject: string,
  san: readonly string[],
  notbefore: number,
  notafter: number,
) => ({
  filename,
  subject,
  issuer: 'CN=Proxmox Virtual Environment',
  fingerprint: (createHash('sha256').update(`${filename} ${subject}`).digest('hex').match(/../g) ?? [])
    .join(':')
    .toUpperCase(),
  notbefore,
  notafter,
  'public-key-bits': 256,
  'public-key-type': 'id-ecPublicKey',
  san,
})
