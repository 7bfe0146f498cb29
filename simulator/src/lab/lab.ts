/** The state of the lab, and the older picture of it that Proxmox shows in overviews. */
import type { Clock } from '../clock.ts'
import type { Faults } from '../faults.ts'
import type { Journal } from '../journal.ts'
import type { Contents } from './homelab.ts'
import { FileLock } from './lock.ts'
import type { Guest, GuestState, Node, Service, Storage, Volume } from './model.ts'
import { MiB } from './model.ts'

/** pvestatd collects every 10 s. */
const COLLECT_MS = 10_000
/** Guests of a node that is gone turn `unknown` when its numbers are this old. */
const UNKNOWN_MS = 300_000

interface Seen {
  readonly state: GuestState
  readonly startedAt: number
}

/** What overviews show of its configuration. */
export function fit(guest: Guest): void {
  guest.maxcpu = Number(guest.config.cores ?? guest.maxcpu) * Number(guest.config.sockets ?? 1)
  guest.maxmem = Number(guest.config.memory ?? guest.maxmem / MiB) * MiB
}

type Listener = (guest: Guest) => void

export class Lab {
  readonly nodes: readonly Node[]
  readonly guests: Map<number, Guest>
  readonly storages: readonly Storage[]
  readonly services: Service[]
  readonly volumes: Volume[]
  readonly #clock: Clock
  readonly #faults: Faults
  readonly #journal: Journal
  readonly #locks = new Map<number, FileLock>()
  /** What the last collection saw of guests that changed since. */
  readonly #seen = new Map<number, { readonly round: number; readonly seen: Seen | undefined }>()
  readonly #homes: ReadonlyMap<number, string>
  readonly #downSince = new Map<string, number>()
  readonly #listeners = new Set<Listener>()
  /** Grows with everything that an overview shows at once. */
  revision = 0

  constructor(contents: Contents, clock: Clock, faults: Faults, journal: Journal) {
    this.nodes = contents.nodes
    this.guests = new Map(contents.guests.map((guest) => [guest.vmid, guest]))
    this.#homes = new Map(contents.guests.map(({ vmid, node }) => [vmid, node]))
    this.storages = contents.storages
    this.services = [...contents.services]
    this.volumes = [...contents.volumes]
    this.#clock = clock
    this.#faults = faults
    this.#journal = journal
  }

  node(name: string): Node | undefined {
    return this.nodes.find((node) => node.name === name)
  }

  online(name: string): boolean {
    return this.node(name) !== undefined && !this.#faults.nodesDown.includes(name)
  }

  /** Whether more than half of the nodes are there: each has one vote. */
  quorate(): boolean {
    const there = this.nodes.filter(({ name }) => this.online(name)).length
    return there > this.nodes.length / 2
  }

  /** Every guest on the node where it was at the start. */
  sendHome(): void {
    for (const guest of this.guests.values()) {
      const home = this.#homes.get(guest.vmid) ?? guest.node
      if (guest.node !== home) this.move(guest, home)
    }
  }

  /** It is on another node from now on, which every overview knows at once. */
  move(guest: Guest, node: string): void {
    guest.node = node
    this.touch()
    for (const listener of this.#listeners) listener(guest)
  }

  /** Called when nodes went down or came back. */
  noteNodes(): void {
    for (const { name } of this.nodes) {
      if (this.online(name)) this.#downSince.delete(name)
      else if (!this.#downSince.has(name)) this.#downSince.set(name, Date.now())
    }
    this.touch()
  }

  touch(): void {
    this.revision += 1
  }

  /** The guest's lock file, which running tasks hold: not the lock in its configuration. */
  fileLock(vmid: number): FileLock {
    const lock = this.#locks.get(vmid) ?? new FileLock()
    this.#locks.set(vmid, lock)
    return lock
  }

  setState(guest: Guest, state: GuestState): void {
    const round = this.round()
    if (this.#seen.get(guest.vmid)?.round !== round) {
      this.#seen.set(guest.vmid, { round, seen: { state: guest.state, startedAt: guest.startedAt } })
    }
    if (state === 'running' && guest.state === 'stopped') guest.startedAt = this.#clock.now()
    guest.state = state
    if (state === 'stopped' && guest.pending) {
      guest.config = { ...guest.config, ...guest.pending }
      guest.pending = undefined
      fit(guest)
    }
    if (!this.#faults.stale) this.touch()
    for (const listener of this.#listeners) listener(guest)
    this.#journal.add({ kind: 'guest', vmid: guest.vmid, status: state })
  }

  add(guest: Guest): void {
    this.guests.set(guest.vmid, guest)
    this.#seen.set(guest.vmid, { round: this.round(), seen: undefined })
    this.touch()
  }

  remove(guest: Guest): void {
    this.guests.delete(guest.vmid)
    this.#locks.delete(guest.vmid)
    this.touch()
    for (const listener of this.#listeners) listener(guest)
  }

  onChange(listener: Listener): void {
    this.#listeners.add(listener)
  }

  /** The number of the last collection. */
  round(): number {
    return Math.floor(Date.now() / this.#clock.scaled(COLLECT_MS))
  }

  /** When the last collection was, by the servers' clock. */
  collectedAt(): number {
    return this.#faults.stale
      ? this.round() * this.#clock.scaled(COLLECT_MS) + this.#clock.aheadMs
      : this.#clock.now()
  }

  /** The guest as the last collection saw it; undefined for one that it has not seen, or not for too long. */
  collected(guest: Guest): Seen | undefined {
    const downSince = this.#downSince.get(guest.node)
    if (downSince !== undefined && Date.now() - downSince > this.#clock.scaled(UNKNOWN_MS)) return undefined
    const entry = this.#seen.get(guest.vmid)
    if (this.#faults.stale && entry && entry.round === this.round()) return entry.seen
    return { state: guest.state, startedAt: guest.startedAt }
  }

  /** Changes with every overview that may look different. */
  picture(): string {
    const unknown = [...this.#downSince.values()].filter(
      (since) => Date.now() - since > this.#clock.scaled(UNKNOWN_MS),
    )
    return `${this.round()}.${this.revision}.${unknown.length}.${this.#faults.empty}`
  }
}
