/** The cloudflareds that run: one in the container of that name, and what tests add. */
import type { Sim } from '../sim.ts'
import type { Json } from './json.ts'
import type { Tunnel, World } from './world.ts'

interface Session {
  readonly id: string
  readonly runAt: string
  /** Of its container, to see that it was started anew. */
  readonly startedAt: number
  openedAt: string
  configVersion: number
}

/** `{a, t, s}` in base64: what `cloudflared tunnel run --token` takes. */
export const tokenOf = (account: string, tunnel: Tunnel): string =>
  Buffer.from(JSON.stringify({ a: account, t: tunnel.id, s: tunnel.secret })).toString('base64')

const places = ['ams01', 'fra08', 'ams04', 'fra13']

export class Connectors {
  readonly #sim: Sim
  readonly #world: World
  /** Of the first tunnel of the account. */
  #sessions: Session[] = []
  /** How many programs run where the service runs. */
  #wanted = 1
  /** What they were last given; undefined: what is right from the start. */
  #token: string | undefined

  constructor(sim: Sim, world: World) {
    this.#sim = sim
    this.#world = world
  }

  reset(): void {
    this.#sessions = []
    this.#wanted = 1
    this.#token = undefined
  }

  /** How many run. */
  want(count: number): void {
    this.#wanted = count
  }

  /** The token that they read when they start the next time. */
  configure(token: string): void {
    this.#token = token.trim()
  }

  /** They end, and start with the token that they find. */
  restart(): void {
    this.#sessions = []
  }

  #startedAt(): number | undefined {
    const service = this.#sim.lab.services.find(({ name }) => name === 'cloudflared')
    const guest = service && this.#sim.lab.guests.get(service.vmid)
    // A generated cluster has none, and its tunnel is served from somewhere else.
    if (service === undefined) return 0
    return guest?.state === 'running' && this.#sim.lab.online(guest.node) ? guest.startedAt : undefined
  }

  /** Whether who starts now may connect. */
  #admitted(tunnel: Tunnel): boolean {
    this.#token ??= tokenOf(this.#world.account, tunnel)
    return this.#token === tokenOf(this.#world.account, tunnel)
  }

  /** Who is connected now. Those that are keep their sessions when the secret changes. */
  of(tunnel: Tunnel): readonly Session[] {
    if (tunnel !== this.#world.tunnels[0]) return []
    // Whoever asks first sees what the program was given before anything was changed.
    const admitted = this.#admitted(tunnel)
    const startedAt = this.#startedAt()
    if (startedAt === undefined || this.#sim.faults.tunnelDown) this.#sessions = []
    else {
      this.#sessions = this.#sessions.filter((session) => session.startedAt === startedAt)
      while (admitted && this.#sessions.length < this.#wanted)
        this.#sessions.push(this.#open(startedAt, tunnel))
      this.#sessions.length = Math.min(this.#sessions.length, this.#wanted)
    }
    for (const session of this.#sessions) session.configVersion = tunnel.version
    if (this.#sessions.length > 0) tunnel.everRan = true
    return this.#sessions
  }

  #open(startedAt: number, tunnel: Tunnel): Session {
    const now = this.#world.now()
    return {
      id: this.#world.uuid('connector'),
      runAt: now,
      startedAt,
      openedAt: now,
      configVersion: tunnel.version,
    }
  }

  /** Ends sessions; who still has the right token connects again, with another id of session. */
  drop(tunnel: Tunnel, id: string | undefined): void {
    if (tunnel === this.#world.tunnels[0])
      this.#sessions = this.#sessions.filter((session) => id !== undefined && session.id !== id)
  }

  status(tunnel: Tunnel): string {
    const connected = this.of(tunnel).length
    if (connected === 0) return tunnel.everRan ? 'down' : 'inactive'
    return this.#sim.faults.tunnelConnections < 4 ? 'degraded' : 'healthy'
  }

  #connections(session: Session): readonly Json[] {
    return places.slice(0, this.#sim.faults.tunnelConnections).map((colo, index) => ({
      colo_name: colo,
      id: `${session.id.slice(0, -1)}${index}`,
      uuid: `${session.id.slice(0, -1)}${index}`,
      is_pending_reconnect: false,
      origin_ip: '203.0.113.7',
      opened_at: session.openedAt,
      client_id: session.id,
      client_version: '2026.9.1',
    }))
  }

  connectionsOf(tunnel: Tunnel): readonly Json[] {
    return this.of(tunnel).flatMap((session) => this.#connections(session))
  }

  view(tunnel: Tunnel): readonly Json[] {
    return this.of(tunnel).map((session) => ({
      id: session.id,
      arch: 'linux_amd64',
      version: '2026.9.1',
      run_at: session.runAt,
      config_version: session.configVersion,
      features: ['ha-origin'],
      conns: this.#connections(session),
    }))
  }
}
