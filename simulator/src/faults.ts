import type { UpdateTrouble } from './lab/insides.ts'

/** How Cloudflare answers one call, instead of what it would have said. */
export interface CloudflareAnswer {
  /** Only a call of this verb. */
  readonly verb?: string
  /** Only one whose path has this in it. */
  readonly path?: string
  readonly status: number
  readonly code?: number
  readonly message?: string
  /** A page of the edge instead of the envelope. */
  readonly html?: boolean
  /** The call is done first. */
  readonly after?: boolean
  /** Seconds: of a block that is shorter than the usual one. */
  readonly retryAfter?: number
}

/** What can be made to go wrong, by `POST /faults` on the control port. Everything is off at the start. */
export interface Faults {
  /** Names of nodes that do not answer: 595 through another node, and their own endpoint refuses. */
  nodesDown: string[]
  /** The next N changes are made, and then answered with 596. */
  answer596: number
  /** The next N changes are made, and then the connection is cut without an answer. */
  cutAfter: number
  /** The next N changes: the connection is cut before anything is done. */
  cutBefore: number
  /** The next N changes wait for `POST /release` before they are made. */
  holdBefore: number
  /** The next N changes are made, and their answers wait for `POST /release`. */
  holdAfter: number
  /** Every call is refused with 401. */
  unauthorized: boolean
  /** Milliseconds added to every call. */
  delayMs: number
  /** Every list is empty, as for a token that may see nothing. */
  empty: boolean
  /** Milliseconds that the servers' clock is ahead: the Date header, start times, ticket ages. */
  clockMs: number
  /** Storage name → milliseconds until its status is known. */
  slowStorage: Record<string, number>
  /** Storages that never answer: 596 when the proxy's 30 s are over. */
  hungStorage: string[]
  /** How the next tasks end; each entry is used once, by the first task of its type. */
  taskEnds: { readonly type?: string; readonly status: string; readonly log?: readonly string[] }[]
  /** Task type → its whole length in real milliseconds, whatever the speed. */
  taskMs: Record<string, number>
  /** The next tasks that fail in the middle of their work, with this status; each entry is used once. */
  taskBreaks: { readonly type?: string; readonly status: string }[]
  /** Storages without room: what writes to them fails midway. */
  fullStorage: string[]
  /** The next N archives of vzdump end in the middle, though their task ends OK. */
  truncateArchives: number
  /** Guests that ignore a request to shut down. */
  stubborn: number[]
  /** Service name → how its health endpoint misbehaves while its container runs. */
  broken: Record<string, 'error' | 'refused' | 'hang'>
  /** False: /cluster/resources shows every status at once, not as collected every 10 s. */
  stale: boolean
  /** VMID → how updates in that container go: `breaks` its service, `fails` half-way, `hangs`, or its script `asks`. */
  updateTrouble: Record<string, UpdateTrouble>
  /** Real milliseconds that an update in a container takes. */
  updateMs: number
  /** Packages of each node that wait for an update. */
  updates: string[]
  /** Days until the nodes' certificates are over. */
  certificateDays: number
  /** /proc/mdstat shows a failed disk. */
  raidDegraded: boolean
  /** Percent at which /proc/mdstat shows a rebuild; 0: none goes on. */
  raidRebuild: number
  /** Disks that fail their SMART check, as `sda`. */
  smartFailing: string[]
  /** Disk → sectors that it could not read. */
  smartPending: Record<string, number>
  /** Mount point of the first node → how much of it is used, 0 to 1. */
  hostUsed: Record<string, number>
  /** Mount points of the first node that are empty folders. */
  unmounted: string[]
  /** Devices of the nodes that a container can be given. */
  devices: string[]
  /** Parts of commands in containers and on the nodes: the next simulated program with such words fails; each entry is used once. */
  installBreaks: string[]
  /** VMIDs of guests that are gone, of which a volume is left. */
  leftDisks: number[]
  /** The N-th next command by SSH is run to its end, and then the connection is cut instead of its answer. */
  execCut: number
  /** The N-th next command by SSH: the connection is cut, and nothing is run. */
  execCutBefore: number
  /** The next N changes at Cloudflare are made, and then the connection is cut without an answer. */
  cloudflareCutAfter: number
  /** The next N changes at Cloudflare: the connection is cut before anything is done. */
  cloudflareCutBefore: number
  /** Each entry is used once, by the first call that fits. */
  cloudflareAnswers: CloudflareAnswer[]
  /** Calls in five minutes that a token of Cloudflare has; one more blocks it for five minutes. */
  cloudflareQuota: number
  /** No cloudflared is connected. */
  tunnelDown: boolean
  /** Of the four connections that a cloudflared has. */
  tunnelConnections: number
  /** Traefik routes, but its API refuses connections. */
  traefikApiDown: boolean
  /** Real milliseconds that Traefik takes longer than its throttle to take a change. */
  traefikReloadMs: number
  /** Traefik hears of no change in its directory; of the next one after that, it does. */
  traefikDeaf: boolean
}

export function noFaults(): Faults {
  return {
    nodesDown: [],
    answer596: 0,
    cutAfter: 0,
    cutBefore: 0,
    holdBefore: 0,
    holdAfter: 0,
    unauthorized: false,
    delayMs: 0,
    empty: false,
    clockMs: 0,
    slowStorage: {},
    hungStorage: [],
    taskEnds: [],
    taskMs: {},
    taskBreaks: [],
    fullStorage: [],
    truncateArchives: 0,
    stubborn: [],
    broken: {},
    stale: true,
    updateTrouble: {},
    updateMs: 0,
    updates: [],
    certificateDays: 600,
    raidDegraded: false,
    raidRebuild: 0,
    smartFailing: [],
    smartPending: {},
    hostUsed: {},
    unmounted: [],
    devices: ['/dev/dri/card0', '/dev/dri/renderD128'],
    installBreaks: [],
    leftDisks: [],
    execCut: 0,
    execCutBefore: 0,
    cloudflareCutAfter: 0,
    cloudflareCutBefore: 0,
    cloudflareAnswers: [],
    cloudflareQuota: 1200,
    tunnelDown: false,
    tunnelConnections: 4,
    traefikApiDown: false,
    traefikReloadMs: 0,
    traefikDeaf: false,
  }
}
