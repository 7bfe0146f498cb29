/** start, stop, shutdown, reboot, …: what is checked before the fork, what in the worker, and who holds which lock. */
import type { Guest, GuestType } from '../../lab/model.ts'
import { isManaged } from '../../lab/model.ts'
import type { Sim } from '../../sim.ts'
import type { Caller } from '../access.ts'
import { badParameters, die } from '../error.ts'
import { guestOf } from '../guests.ts'
import { haRound } from '../ha.ts'
import type { Params, Values } from '../params.ts'
import { flag, maybe, text, whole } from '../params.ts'
import type { Call, Route } from '../route.ts'
import type { Work } from '../tasks.ts'

const SHUTDOWN_SECONDS = 60

type Act = (call: Call, guest: Guest) => string | Promise<string>

const prefix = { lxc: 'vz', qemu: 'qm' } as const

function onlyRoot(caller: Caller, values: Values): void {
  // Not even a token of root passes this one.
  if (values.skiplock === '1' && caller.id !== 'root@pam')
    throw badParameters({ skiplock: 'Only root may use this option.' })
}

/**
 * Forks the worker of an action. A container's lock file is taken before the fork and inherited by the worker,
 * so that the call itself fails when another task holds it; a machine's is taken by the worker.
 */
async function fork(
  { sim, caller }: Call,
  guest: Guest,
  action: string,
  work: Work,
  lock: 'fork' | 'worker' | 'none',
): Promise<string> {
  const type = `${prefix[guest.type]}${action}`
  let release: (() => void) | undefined
  if (lock === 'fork') {
    release = await sim.power.acquire(guest).catch((error: unknown) => {
      throw die(error instanceof Error ? error.message : String(error))
    })
  }
  const inner: Work = lock === 'worker' ? (task) => sim.power.locked(guest, () => work(task)) : work
  sim.journal.change(guest.vmid, action)
  return sim.tasks.start(guest.node, type, String(guest.vmid), caller.id, inner, release)
}

/** An HA-managed guest: the task only asks, and the manager acts within 10 s. */
function ask(sim: Sim, caller: Caller, guest: Guest, wanted: 'started' | 'stopped'): string {
  const verb = wanted === 'started' ? 'start' : 'stop'
  sim.journal.change(guest.vmid, `ha${verb}`)
  const kind = guest.type === 'lxc' ? 'CT' : 'VM'
  return sim.tasks.start(guest.node, `ha${verb}`, String(guest.vmid), caller.id, async (task) => {
    task.log(`Requesting HA ${verb} for ${kind} ${guest.vmid}`)
    await task.spend(1, 800)
    guest.ha = wanted
    sim.lab.touch()
    haRound(sim, guest)
  })
}

const running = (guest: Guest): boolean => guest.state !== 'stopped'

function overrule({ sim, caller, values }: Call, guest: Guest): void {
  if (values['overrule-shutdown'] !== '1') return
  for (const task of sim.tasks.running(`${prefix[guest.type]}shutdown`, String(guest.vmid))) {
    if (task.user === caller.id || sim.access.may(caller, `/nodes/${guest.node}`, ['Sys.Modify']))
      sim.tasks.stop(task.upid)
  }
}

const actions: Readonly<Record<string, Readonly<Record<GuestType, Act>>>> = {
  start: {
    lxc: (call, guest) => {
      if (running(guest)) throw die(`CT ${guest.vmid} already running`)
      if (isManaged(guest)) return ask(call.sim, call.caller, guest, 'started')
      return fork(call, guest, 'start', startWork(call, guest), 'fork')
    },
    // Starting a machine that runs is found out by the worker only.
    qemu: (call, guest) => {
      if (isManaged(guest)) return ask(call.sim, call.caller, guest, 'started')
      return fork(call, guest, 'start', startWork(call, guest), 'worker')
    },
  },
  stop: {
    lxc: (call, guest) => {
      if (!running(guest)) throw die(`CT ${guest.vmid} not running`)
      if (isManaged(guest)) return ask(call.sim, call.caller, guest, 'stopped')
      overrule(call, guest)
      return fork(call, guest, 'stop', stopWork(call, guest), 'fork')
    },
    qemu: (call, guest) => {
      if (isManaged(guest)) return ask(call.sim, call.caller, guest, 'stopped')
      overrule(call, guest)
      return fork(call, guest, 'stop', stopWork(call, guest), 'worker')
    },
  },
  shutdown: {
    lxc: (call, guest) => {
      if (!running(guest)) throw die(`CT ${guest.vmid} not running`)
      if (isManaged(guest)) return ask(call.sim, call.caller, guest, 'stopped')
      return fork(call, guest, 'shutdown', shutdownWork(call, guest), 'fork')
    },
    qemu: (call, guest) => {
      if (guest.state === 'paused' && call.values.forceStop !== '1')
        throw die('VM is paused - cannot shutdown')
      if (isManaged(guest)) return ask(call.sim, call.caller, guest, 'stopped')
      return fork(call, guest, 'shutdown', shutdownWork(call, guest), 'worker')
    },
  },
  // A reboot bypasses the HA manager, and takes the lock file in its worker for both kinds.
  reboot: {
    lxc: (call, guest) => {
      if (!running(guest)) throw die(`VM ${guest.vmid} not running`)
      return fork(
        call,
        guest,
        'reboot',
        (task) => call.sim.power.rebootContainer(guest, task, seconds(call)),
        'none',
      )
    },
    qemu: (call, guest) => {
      if (guest.state === 'paused') throw die('VM is paused - cannot shutdown')
      if (!running(guest)) throw die(`VM ${guest.vmid} not running`)
      return fork(
        call,
        guest,
        'reboot',
        (task) => call.sim.power.rebootMachine(guest, task, seconds(call)),
        'none',
      )
    },
  },
  suspend: {
    lxc: (call, guest) => {
      if (!running(guest)) throw die(`CT ${guest.vmid} not running`)
      return fork(
        call,
        guest,
        'suspend',
        () => Promise.reject(new Error("command 'lxc-checkpoint' failed: exit code 1")),
        'fork',
      )
    },
    qemu: (call, guest) => {
      if (!running(guest)) throw die(`VM ${guest.vmid} not running`)
      return fork(call, guest, 'suspend', pauseWork(call, guest, 'paused'), 'worker')
    },
  },
  resume: {
    lxc: (_, guest) => {
      if (running(guest)) throw die(`CT ${guest.vmid} already running`)
      throw die(`CT ${guest.vmid} has no checkpoint`)
    },
    qemu: (call, guest) => {
      if (!running(guest)) throw die(`VM ${guest.vmid} not running`)
      return fork(call, guest, 'resume', pauseWork(call, guest, 'running'), 'worker')
    },
  },
}

const seconds = ({ values }: Call): number => Number(values.timeout ?? SHUTDOWN_SECONDS)

/** A lock in the configuration stops every worker unless root said to skip it. */
const guarded =
  ({ sim, values }: Call, guest: Guest, work: Work): Work =>
  async (task) => {
    if (values.skiplock !== '1') sim.power.checkLock(guest)
    await work(task)
  }

const startWork = (call: Call, guest: Guest): Work =>
  guarded(call, guest, (task) => call.sim.power.start(guest, task))
const stopWork = (call: Call, guest: Guest): Work =>
  guarded(call, guest, (task) => call.sim.power.stop(guest, task))
const shutdownWork = (call: Call, guest: Guest): Work =>
  guarded(call, guest, (task) =>
    call.sim.power.shutdown(guest, task, { timeout: seconds(call), force: call.values.forceStop === '1' }),
  )
const pauseWork = (call: Call, guest: Guest, state: 'paused' | 'running'): Work =>
  guarded(call, guest, async (task) => {
    await task.spend(1, 300)
    call.sim.lab.setState(guest, state)
  })

const timeout = { timeout: whole(0) }
const params: Readonly<Record<GuestType, Readonly<Record<string, Params>>>> = {
  lxc: {
    start: { debug: flag, skiplock: flag },
    stop: { 'overrule-shutdown': flag, skiplock: flag },
    shutdown: { ...timeout, forceStop: flag },
    reboot: timeout,
    suspend: {},
    resume: {},
  },
  qemu: {
    start: { ...timeout, skiplock: flag },
    stop: { ...timeout, keepActive: flag, 'overrule-shutdown': flag, skiplock: flag },
    shutdown: { ...timeout, forceStop: flag, keepActive: flag, skiplock: flag },
    reboot: timeout,
    suspend: { skiplock: flag, todisk: flag, statestorage: maybe({ ...text, requires: 'todisk' }) },
    resume: { nocheck: flag, skiplock: flag },
  },
}

const isElsewhere = ({ sim, values }: Call): boolean =>
  sim.lab.guests.get(Number(values.vmid))?.node !== values.node

/** The worker of a machine is the first that looks for its file. */
const failLate = ({ sim, caller, values }: Call, action: string): string =>
  sim.tasks.start(values.node ?? '', `qm${action}`, values.vmid ?? '', caller.id, () =>
    Promise.reject(
      new Error(`Configuration file 'nodes/${values.node}/qemu-server/${values.vmid}.conf' does not exist`),
    ),
  )

const route = (type: GuestType, action: string, act: Act): Route => ({
  verb: 'POST',
  path: `/nodes/{node}/${type}/{vmid}/status/${action}`,
  params: params[type][action] ?? {},
  allow: { path: '/vms/{vmid}', privs: ['VM.PowerMgmt'] },
  handle: (call) => {
    onlyRoot(call.caller, call.values)
    if (type === 'qemu' && (action === 'start' || action === 'stop') && isElsewhere(call))
      return failLate(call, action)
    return act(call, guestOf(call.sim, type, call.values))
  },
})

export const powerRoutes: readonly Route[] = [
  ...Object.entries(actions).flatMap(([action, act]) => [
    route('lxc', action, act.lxc),
    route('qemu', action, act.qemu),
  ]),
  {
    ...route('qemu', 'reset', (call, guest) => {
      if (!running(guest)) throw die(`VM ${guest.vmid} not running`)
      return fork(call, guest, 'reset', (task) => task.spend(1, 200), 'worker')
    }),
    params: { skiplock: flag },
  },
]
