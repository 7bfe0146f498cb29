/** The cloudflareds that run for the lab's tunnel: one in the container of that name, and what tests add. */
import type { Sim } from '../sim.ts'
import type { Json } from './json.ts'
import { type CloudflaredMachine, createMachine, tokenOf } from './machine.ts'
import type { Tunnel, World } from './world.ts'

interface Session {
  readonly id: string
  readonly openedAt: string
  configVersion: number
}

/** One start of the program. */
interface Start {
  readonly at: string
  /** That it found when it started. */
  readonly token: string | undefined
  /** Its own rules, when the tunnel is managed here. */
  readonly config: Json | null
}

const places = ['ams01', 'fra08', 'ams04', 'fra13']

export class Connectors {
  /** Undefined in a lab without cloudflared: the tunnel is served from somewhere else. */
  readonly machine: CloudflaredMachine | undefined
  readonly #sim: Sim
  readonly #world: World
  readonly #vmid: number | undefined
  #sessions: Session[] = []
  /** How many programs run where the service runs. */
  #wanted = 1
  #start: Start | undefined

  constructor(sim: Sim, world: World) {
    this.#sim = sim
    this.#world = world
    this.#vmid = sim.lab.services.find(({ name }) => name === 'cloudflared')?.vmid
    if (this.#vmid !== undefined) {
      this.machine = createMachine(this.#vmid, () => this.restart())
      sim.machines.set(this.#vmid, this.machine)
      sim.lab.onChange((guest) => {
        if (guest.vmid === this.#vmid) this.restart()
      })
    }
    this.reset()
  }

  reset(): void {
    this.#wanted = 1
    const [tunnel] = this.#world.tunnels
    if (tunnel !== undefined) this.machine?.install(this.#world.account, tunnel)
    this.restart()
  }

  /** How many run. */
  want(count: number): void {
    this.#wanted = count
  }

  /** From now on the rules are in a file of the container, or at Cloudflare again. They are the same. */
  manage(source: Tunnel['source']): void {
    const [tunnel] = this.#world.tunnels
    if (tunnel === undefined || tunnel.source === source) return
    const rules = tunnel.config ?? this.#start?.config ?? null
    tunnel.source = source
    tunnel.config = source === 'local' ? null : { ingress: rules?.ingress ?? [] }
    tunnel.version = source === 'local' ? 0 : 1
    this.machine?.install(this.#world.account, tunnel, source === 'local' ? rules : null)
    this.restart()
  }

  /** All of them end, and start with the token and the rules that they find. */
  restart(): void {
    this.#sessions = []
    this.#start = undefined
    const guest = this.#vmid === undefined ? undefined : this.#sim.lab.guests.get(this.#vmid)
    if (this.#vmid !== undefined && guest?.state !== 'running') return
    const [tunnel] = this.#world.tunnels
    const good = tunnel && tokenOf(this.#world.account, tunnel)
    const { machine } = this
    this.#start = {
      at: this.#world.now(),
      token: machine === undefined ? good : machine.token(),
      config: machine?.config() ?? null,
    }
  }

  #online(): boolean {
    const guest = this.#vmid === undefined ? undefined : this.#sim.lab.guests.get(this.#vmid)
    return (guest === undefined || this.#sim.lab.online(guest.node)) && !this.#sim.faults.tunnelDown
  }

  /** Who is connected now. Those that are keep their sessions when the secret changes. */
  of(tunnel: Tunnel): readonly Session[] {
    if (tunnel !== this.#world.tunnels[0]) return []
    if (this.#start === undefined || !this.#online()) this.#sessions = []
    else {
      const admitted = this.#start.token === tokenOf(this.#world.account, tunnel)
      while (admitted && this.#sessions.length < this.#wanted) this.#sessions.push(this.#open(tunnel))
      this.#sessions.length = Math.min(this.#sessions.length, this.#wanted)
    }
    for (const session of this.#sessions) session.configVersion = tunnel.version
    if (this.#sessions.length > 0) tunnel.everRan = true
    return this.#sessions
  }

  /** By which they route: those of Cloudflare, or of the file as it was when they started. */
  configOf(tunnel: Tunnel): Json | null {
    const own = tunnel === this.#world.tunnels[0] && tunnel.source === 'local'
    return own ? (this.#start?.config ?? null) : tunnel.config
  }

  #open(tunnel: Tunnel): Session {
    return {
      id: this.#world.uuid('connector'),
      openedAt: this.#world.now(),
      configVersion: tunnel.version,
    }
  }

  /** Ends sessions; whose token is still right connects again, with a session of another id. */
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
      run_at: this.#start?.at ?? session.openedAt,
      config_version: session.configVersion,
      features: ['ha-origin'],
      conns: this.#connections(session),
    }))
  }
}
