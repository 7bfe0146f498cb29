/** A simulated homelab as a process of its own, with what tests want to do to it. */
import type { Peer } from './peer.ts'
import { startPeer } from './peer.ts'

/** Faults as in simulator/src/faults.ts, which says what each does; an unknown name is refused by the simulator. */
export interface Faults {
  nodesDown?: readonly string[]
  answer596?: number
  cutAfter?: number
  cutBefore?: number
  holdBefore?: number
  holdAfter?: number
  unauthorized?: boolean
  delayMs?: number
  empty?: boolean
  clockMs?: number
  slowStorage?: Readonly<Record<string, number>>
  hungStorage?: readonly string[]
  taskEnds?: readonly { readonly type?: string; readonly status: string; readonly log?: readonly string[] }[]
  taskMs?: Readonly<Record<string, number>>
  taskBreaks?: readonly { readonly type?: string; readonly status: string }[]
  fullStorage?: readonly string[]
  truncateArchives?: number
  stubborn?: readonly number[]
  broken?: Readonly<Record<string, 'error' | 'refused' | 'hang'>>
  stale?: boolean
  updateTrouble?: Readonly<Record<string, 'breaks' | 'fails' | 'hangs' | 'asks'>>
  updateMs?: number
  updates?: readonly string[]
  certificateDays?: number
  raidDegraded?: boolean
  raidRebuild?: number
  smartFailing?: readonly string[]
  smartPending?: Readonly<Record<string, number>>
  hostUsed?: Readonly<Record<string, number>>
  unmounted?: readonly string[]
  devices?: readonly string[]
  installBreaks?: readonly string[]
  leftDisks?: readonly number[]
  execCut?: number
  execCutBefore?: number
  cloudflareCutAfter?: number
  cloudflareCutBefore?: number
  cloudflareAnswers?: readonly {
    readonly verb?: string
    readonly path?: string
    readonly status: number
    readonly code?: number
    readonly message?: string
    readonly html?: boolean
    readonly after?: boolean
    readonly retryAfter?: number
  }[]
  cloudflareQuota?: number
  tunnelDown?: boolean
  tunnelConnections?: number
  traefikApiDown?: boolean
  traefikReloadMs?: number
  traefikDeaf?: boolean
}

export interface SimulatorOptions {
  readonly port?: number
  readonly endpoints?: number
  readonly seed?: number
  readonly guests?: number
  readonly nodes?: number
  /** Factor on every duration of the server; tests default to 0.1. */
  readonly speed?: number
  readonly pve?: '8.4' | '9.0'
  /** Folder below which backups are made for real. */
  readonly real?: string
}

/** The line that the simulator prints when it is ready. */
export interface Lab {
  readonly pve: string
  readonly fingerprint: string
  readonly endpoints: readonly { readonly node: string; readonly url: string; readonly fingerprint: string }[]
  readonly ca: string
  readonly token: { readonly id: string; readonly secret: string }
  readonly user: { readonly name: string; readonly password: string }
  readonly ssh: {
    readonly host: string
    readonly port: number
    readonly user: string
    readonly privateKey: string
    readonly hostKey: string
    /** Of every node: they have the same keys. */
    readonly ports: Readonly<Record<string, number>>
    /** What its commands find themselves in, for an sshd of one's own; HOMELAB_NODE names the node. */
    readonly env: Readonly<Record<string, string>>
  }
  readonly control: string
  readonly services: Readonly<Record<string, { readonly host: string; readonly port: number }>>
  readonly cloudflare: {
    readonly api: string
    /** What the internet sees: ask it with a Host header. */
    readonly edge: string
    readonly token: string
    readonly account: string
    readonly tunnel: string
    readonly zone: string
    readonly domain: string
    readonly team: string
  }
  readonly traefik: {
    readonly api: string
    readonly web: string
    /** In its container. */
    readonly directory: string
    /** The folder of this machine that stands for the root of its container. */
    readonly root: string
  }
  readonly pid: number
  /** Of one that was started with `real`. */
  readonly real?: {
    readonly folders: Record<string, string>
    readonly repository: string
    readonly password: string
    readonly jobs: string
    readonly staging: string
    readonly missing: { readonly what: string; readonly how: string }[]
    readonly postgres: {
      readonly host: string
      readonly port: number
      readonly user: string
      readonly address: string
      readonly log: string
      readonly pidFile: string
    }
  }
}

export interface SimulatorEvent {
  readonly id: number
  readonly at: number
  readonly kind:
    | 'request'
    | 'done'
    | 'held'
    | 'answer'
    | 'task'
    | 'guest'
    | 'service'
    | 'maintenance'
    | 'update'
    | 'exec'
    | 'traefik'
  readonly verb?: string
  readonly path?: string
  readonly phase?: 'before' | 'after'
  readonly status?: string | number
  readonly upid?: string
  readonly type?: string
  readonly target?: string
  readonly vmid?: number
  readonly name?: string
  readonly up?: boolean
  readonly on?: boolean
  readonly command?: string
  readonly program?: string
  readonly state?: string
  readonly what?: 'loaded' | 'refused' | 'said' | 'asked'
  readonly provider?: string
  readonly text?: string
}

export interface Counts {
  /** `POST /nodes/pve/lxc/110/status/reboot` → requests that arrived. */
  readonly requests: Readonly<Record<string, number>>
  /** VMID → `reboot` → changes that were really made. */
  readonly changes: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** VMID or other id → `vzreboot` → tasks that were started. */
  readonly tasks: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly connections: number
  readonly execs: number
}

export interface State {
  readonly guests: readonly {
    readonly vmid: number
    readonly type: 'lxc' | 'qemu'
    readonly node: string
    readonly name: string
    readonly state: 'running' | 'stopped' | 'paused'
    readonly startedAt: number
    readonly lock: string | null
    readonly ha: string | null
  }[]
  /** Service → whether its endpoint listens. */
  readonly services: Readonly<Record<string, boolean>>
  readonly tasks: readonly {
    readonly upid: string
    readonly type: string
    readonly id: string
    readonly status: string
  }[]
  readonly lastEvent: number
}

export interface TraefikState {
  readonly running: boolean
  readonly routers: readonly {
    readonly name: string
    readonly rule: string
    readonly status: string
    readonly errors: readonly string[]
  }[]
  readonly polls: string | null
  /** As it stands in the journal of its container. */
  readonly log: readonly string[]
}

export interface GuestChange {
  readonly state?: 'running' | 'stopped' | 'paused'
  readonly lock?: string | null
  readonly ha?: 'started' | 'stopped' | 'ignored' | null
  readonly node?: string
  readonly name?: string
  /** The service that is on its disk, and on that of each of its clones. */
  readonly image?: string
  /** Lines of its configuration; null takes one away. */
  readonly config?: Readonly<Record<string, string | null>>
  readonly remove?: true
}

/** What is installed in a container. */
export interface Inside {
  readonly id: string
  readonly pretty: string
  readonly packages: readonly {
    readonly name: string
    readonly version: string
    readonly to?: string
    readonly security?: boolean
  }[]
  readonly helper?: { readonly app: string; readonly version: string; readonly to?: string }
  /** Seconds since the epoch. */
  readonly listedAt: number
  readonly broken: boolean
}

export interface AclEntry {
  readonly path: string
  /** `homelab@pve` or `homelab@pve!desk`: a token has the privileges that both have. */
  readonly who: string
  readonly role?: string
  readonly privs?: readonly string[]
  readonly propagate?: boolean
}

export interface Simulator extends Peer<SimulatorEvent> {
  readonly lab: Lab
  fault(faults: Faults): Promise<void>
  /** No faults, first rights, no counts, nothing held, no task running, every guest running, unlocked and without snapshots. */
  reset(): Promise<void>
  /** Lets the requests go on that `holdBefore` and `holdAfter` hold; resolves with how many. */
  release(): Promise<number>
  counts(): Promise<Counts>
  state(): Promise<State>
  changeGuest(vmid: number, change: GuestChange): Promise<void>
  inside(vmid: number): Promise<Inside>
  changeInside(vmid: number, change: Partial<Inside>): Promise<void>
  /** Replaces the whole access control list. */
  setAcl(entries: readonly AclEntry[]): Promise<void>
  setToken(id: string, secret: string, privsep?: boolean): Promise<void>
  /** What Traefik has loaded, and has said. */
  traefik(): Promise<TraefikState>
  /** Files in Traefik's directory by name, as a person puts them there; null takes one away. */
  traefikFiles(files: Readonly<Record<string, string | null>>): Promise<void>
  /** What Traefik's HTTP provider polls from now on. */
  traefikPolls(endpoint: string, headers?: Readonly<Record<string, string>>): Promise<void>
  /** New certificates; resolves with the fingerprint of the first endpoint's. */
  renewCertificate(): Promise<string>
}

/** Starts one and resolves when everything listens; it ends with `await using`, or with this process. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const {
    ready: lab,
    control,
    peer,
  } = await startPeer<Lab, SimulatorEvent>('main.ts', { speed: 0.1, ...options })
  return {
    ...peer,
    lab,
    fault: async (faults) => void (await control('POST', '/faults', faults)),
    reset: async () => void (await control('POST', '/reset')),
    release: async () => (await control<{ released: number }>('POST', '/release')).released,
    counts: () => control<Counts>('GET', '/counts'),
    state: () => control<State>('GET', '/state'),
    changeGuest: async (vmid, change) => void (await control('POST', `/guests/${vmid}`, change)),
    inside: (vmid) => control<Inside>('GET', `/insides/${vmid}`),
    changeInside: async (vmid, change) => void (await control('POST', `/insides/${vmid}`, change)),
    setAcl: async (entries) => void (await control('PUT', '/acl', entries)),
    setToken: async (id, secret, privsep) => void (await control('POST', '/tokens', { id, secret, privsep })),
    traefik: () => control<TraefikState>('GET', '/traefik'),
    traefikFiles: async (files) => void (await control('POST', '/traefik/files', files)),
    traefikPolls: async (endpoint, headers = {}) =>
      void (await control('POST', '/traefik/http', { endpoint, headers })),
    renewCertificate: async () =>
      (await control<{ fingerprint: string }>('POST', '/certificate')).fingerprint,
  }
}
