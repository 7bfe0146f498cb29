/** Starting and stopping guests: what the workers of the power actions do, and how long it takes. */
import type { Clock } from '../clock.ts'
import type { Faults } from '../faults.ts'
import type { TaskContext, Tasks } from '../pve/tasks.ts'
import { cloudInit } from './cloud-init.ts'
import type { Lab } from './lab.ts'
import type { Guest } from './model.ts'
import { nameOf } from './model.ts'

/** Milliseconds on a real server, from a home server with its guests on NVMe. */
const START = { lxc: 1_200, qemu: 1_500 }
const STOP = { lxc: 400, qemu: 800 }
const SHUTDOWN = { lxc: 1_800, qemu: 5_000 }
/** Both kinds wait this long for the lock file of a guest. */
const LOCK_WAIT_MS = 10_000
/** From the exit of QEMU to the new start that qmeventd makes. */
const RESTART_MS = 600

const kind = (guest: Guest): string => (guest.type === 'lxc' ? 'CT' : 'VM')

export interface ShutdownOptions {
  /** Seconds. */
  readonly timeout: number
  readonly force: boolean
}

export class Power {
  readonly #lab: Lab
  readonly #clock: Clock
  readonly #faults: Faults
  readonly #tasks: Tasks

  constructor(lab: Lab, clock: Clock, faults: Faults, tasks: Tasks) {
    this.#lab = lab
    this.#clock = clock
    this.#faults = faults
    this.#tasks = tasks
  }

  /** @throws Error as the server words it */
  checkLock(guest: Guest): void {
    if (guest.lock) throw new Error(`${kind(guest)} is locked (${guest.lock})`)
  }

  /** @throws Error `can't lock file … - got timeout` when another holds it for 10 s */
  async acquire(guest: Guest): Promise<() => void> {
    const lock = this.#lab.fileLock(guest.vmid)
    if (!(await lock.acquire(this.#clock.scaled(LOCK_WAIT_MS)))) {
      const file =
        guest.type === 'lxc'
          ? `/run/lock/lxc/pve-config-${guest.vmid}.lock`
          : `/var/lock/qemu-server/lock-${guest.vmid}.conf`
      throw new Error(`can't lock file '${file}' - got timeout`)
    }
    return () => lock.release()
  }

  async locked(guest: Guest, work: () => Promise<void>): Promise<void> {
    const release = await this.acquire(guest)
    try {
      await work()
    } finally {
      release()
    }
  }

  async start(guest: Guest, task: TaskContext, share = 1): Promise<void> {
    if (guest.template) {
      throw new Error(
        guest.type === 'lxc'
          ? "you can't start a CT if it's a template"
          : "you can't start a vm if it's a template",
      )
    }
    if (guest.state === 'running') throw new Error(`${kind(guest)} ${guest.vmid} already running`)
    await task.spend(share, START[guest.type])
    cloudInit(guest)
    this.#lab.setState(guest, 'running')
  }

  async stop(guest: Guest, task: TaskContext): Promise<void> {
    await task.spend(1, STOP[guest.type])
    if (guest.state !== 'stopped') this.#lab.setState(guest, 'stopped')
  }

  async shutdown(guest: Guest, task: TaskContext, options: ShutdownOptions, share = 1): Promise<void> {
    if (this.#faults.stubborn.includes(guest.vmid)) {
      await this.#clock.sleep(options.timeout * 1000, task.signal)
      if (!options.force) {
        throw new Error(
          guest.type === 'lxc' ? 'container did not stop' : 'VM quit/powerdown failed - got timeout',
        )
      }
      if (guest.type === 'qemu') task.log('VM quit/powerdown failed - terminating now with SIGTERM')
    } else {
      await task.spend(share, SHUTDOWN[guest.type])
    }
    if (guest.state !== 'stopped') this.#lab.setState(guest, 'stopped')
  }

  /** A container is stopped and started within the one task. */
  async rebootContainer(guest: Guest, task: TaskContext, timeout: number): Promise<void> {
    await this.locked(guest, async () => {
      this.checkLock(guest)
      await this.shutdown(guest, task, { timeout, force: true }, 0.6)
      await this.start(guest, task, 0.4)
    })
  }

  /** A virtual machine's task ends with the shutdown; qmeventd then starts it again, as root@pam. */
  async rebootMachine(guest: Guest, task: TaskContext, timeout: number): Promise<void> {
    await this.locked(guest, async () => {
      this.checkLock(guest)
      await this.shutdown(guest, task, { timeout, force: false })
    })
    void this.#clock.sleep(RESTART_MS).then(() => {
      if (guest.state === 'stopped' && this.#lab.guests.has(guest.vmid)) this.startTask(guest, 'root@pam')
    })
  }

  /** A start of its own, as the HA manager, qmeventd and `start=1` make it. */
  startTask(guest: Guest, user: string): string {
    const type = guest.type === 'lxc' ? 'vzstart' : 'qmstart'
    return this.#tasks.start(guest.node, type, String(guest.vmid), user, (task) =>
      this.locked(guest, async () => {
        this.checkLock(guest)
        await this.start(guest, task)
      }),
    )
  }

  stopTask(guest: Guest, user: string): string {
    const type = guest.type === 'lxc' ? 'vzstop' : 'qmstop'
    return this.#tasks.start(guest.node, type, String(guest.vmid), user, (task) =>
      this.locked(guest, () => this.stop(guest, task)),
    )
  }

  label(guest: Guest): string {
    return `${kind(guest)} ${guest.vmid} (${nameOf(guest)})`
  }
}
