/** Starting, stopping and restarting one guest, and saying so only when its state says so. */
import { HomelabError, isHomelabError } from '../../errors.ts'
import { waitUntilUp } from '../../health/index.ts'
import type { Health } from '../../health/types.ts'
import type { Target } from '../../inventory/types.ts'
import { isUnclear } from '../../operation/change.ts'
import type { Json, Verbs } from '../../operation/types.ts'
import { guestPlace } from '../../operation/view.ts'
import type { Clock } from '../../ports.ts'
import { saysElsewhere } from '../../proxmox/moved.ts'
import type { PowerAction, PowerOptions, Proxmox, TaskEnd } from '../../proxmox/types.ts'
import { tryParseUpid } from '../../proxmox/upid.ts'
import type { PowerResult } from '../schemas.ts'
import { type Outage, watchOutage } from './outage.ts'

export interface PowerServices {
  readonly proxmox: Proxmox
  readonly health: Health
  readonly clock: Clock
}

export interface PowerRequest {
  readonly action: 'start' | 'stop' | 'shutdown' | 'restart'
  /** Wait for its health check too. */
  readonly wait: boolean
  readonly force: boolean
  /** Seconds for a clean shutdown. */
  readonly timeout: number
}

/** Seconds that a service gets to answer its health check after its guest runs. */
const HEALTH_SECONDS = 180
/** Seconds that a guest gets to reach a state after the task that asked for it has ended. */
const STATE_SECONDS = 120

export async function powerGuest(
  target: Target,
  request: PowerRequest,
  services: PowerServices,
  verbs: Verbs,
): Promise<PowerResult> {
  const { guest, name } = target
  const base = { name, vmid: guest.vmid, type: guest.type, node: guest.node }
  const wanted = request.action === 'stop' || request.action === 'shutdown' ? 'stopped' : 'running'
  const outage =
    request.action === 'restart' && request.wait ? watchOutage(target, services, verbs.signal) : undefined
  try {
    // Only what this run took down is its to bring back: a guest that somebody else stopped stays stopped.
    const taken = { down: false }
    if (request.action === 'restart') {
      verbs.undo(`leave ${guest.vmid} running`, async () => {
        if (taken.down) await startAgain(target, services)
      })
    }
    const ends: Sent[] = []
    for (const [action, options] of stepsOf(request))
      ends.push(await send(target, action, options, services, verbs, taken))
    if (ends.every((end) => end.unchanged)) {
      return { ...base, outcome: 'unchanged', detail: `was ${wanted} already` }
    }
    await reachState(target, wanted, ends, request, services, verbs)
    const checked =
      wanted === 'running' && request.wait ? await reachHealth(target, services, verbs) : undefined
    const upid = ends.at(-1)?.upid
    const warned = ends.some((end) => end.end?.outcome === 'warnings') || checked?.healthy === false
    return {
      ...base,
      // It may have moved since it was found.
      node: tryParseUpid(upid ?? '')?.node ?? guest.node,
      outcome: warned ? 'warnings' : 'done',
      ...(upid === undefined ? {} : { upid }),
      ...(request.action === 'restart' ? { downMs: downMs(ends, outage) } : {}),
      ...(checked?.healthy === undefined ? {} : { healthy: checked.healthy }),
      detail: checked?.detail ?? (wanted === 'running' ? 'running' : 'stopped'),
    }
  } finally {
    outage?.end()
  }
}

/** A restart that ends half-way must not leave down what was up before. */
async function startAgain({ guest }: Target, { proxmox, clock }: PowerServices): Promise<void> {
  const now = await proxmox.guestStatus(guest)
  // Its lock is still held for a moment after a task was stopped, and a start that finds it running is no harm.
  if (now.status !== 'stopped') return
  await clock.sleep(500)
  const upid = await proxmox.power(guest, 'start')
  await proxmox.tasks.wait(upid)
}

/** Seen by the health check when it was watched from the start; after a crash of ours, the time that the tasks took. */
function downMs(sent: readonly Sent[], outage: Outage | undefined): number {
  const seen = sent.every((each) => each.here) ? outage?.downMs() : undefined
  const tasks = sent.reduce((total, { end }) => total + (end?.seconds ?? 0), 0)
  return Math.round(seen ?? tasks * 1000)
}

/** A forced restart is a stop and a start: Proxmox has no hard reboot for containers. */
function stepsOf(request: PowerRequest): readonly (readonly [PowerAction, PowerOptions])[] {
  const { action, force, timeout } = request
  if (action === 'start') return [['start', {}]]
  if (action === 'restart')
    return force
      ? [
          ['stop', { overrule: true }],
          ['start', {}],
        ]
      : [['reboot', { timeout }]]
  // `stop --force` pulls the plug now; `shutdown --force` only when the time is up.
  if (action === 'stop' && force) return [['stop', { overrule: true }]]
  return [['shutdown', { timeout, force: action === 'shutdown' && force }]]
}

interface Sent {
  /** Sent by this process, not by one before it that died. */
  readonly here: boolean
  readonly upid?: string
  readonly end?: TaskEnd
  readonly unchanged?: boolean
}

async function send(
  target: Target,
  action: PowerAction,
  options: PowerOptions,
  { proxmox }: Pick<PowerServices, 'proxmox'>,
  verbs: Verbs,
  taken: { down: boolean },
  step = `${action} ${target.guest.vmid}`,
): Promise<Sent> {
  const { guest, name } = target
  verbs.report({ text: `${verbOf[action]} ${name}` })
  let here = false
  const upid = await verbs.change<string>(step, {
    act: async () => {
      here = true
      try {
        const sent = await proxmox.power(guest, action, options)
        taken.down = true
        return sent
      } catch (error) {
        if (isUnclear(error)) taken.down = true
        // The overview can be 10 s old: what it took for stopped may run by now, and the other way round.
        const state = isHomelabError(error) ? error.data?.state : undefined
        if (state === (action === 'start' ? 'running' : 'stopped') && action !== 'reboot') return ''
        throw state === 'stopped' ? notRunning(target, 'stopped') : error
      }
    },
    find: ({ since, claimed }) =>
      proxmox.tasks.latest(guest, proxmox.powerTask(guest, action), since, claimed),
  })
  if (upid === '') return { here, unchanged: true }
  // Also when the change was made by a process before this one.
  taken.down = true
  verbs.log(`${step}: ${upid}`)
  try {
    const end = await verbs.follow<Json>(`${step}: task`, async (signal) => {
      // Its log is not followed: two calls and the polls are all that a restart costs.
      const done = await proxmox.tasks.wait(upid, { signal, mayHaveEnded: !here, stopOnAbort: true })
      return done as unknown as Json
    })
    return { here, upid, end: end as unknown as TaskEnd }
  } catch (error) {
    if (!isHomelabError(error) || !saysElsewhere(String(error.data?.exitStatus ?? ''), guest)) throw error
    // The task of a VM that has moved ends without having done anything: once more on the node where it is.
    const node = await verbs.step(
      `${step}: node`,
      async () => (await proxmox.cluster.nodeOf(guest, verbs.signal)) ?? '',
    )
    if (node === '' || node === guest.node) throw error
    verbs.log(`${guest.vmid} has moved to ${node}`)
    const there = { ...target, guest: { ...guest, node } }
    return await send(there, action, options, { proxmox }, verbs, taken, `${step} on ${node}`)
  }
}

/** @returns HomelabError `conflict` that says how to start it */
export const notRunning = ({ name, guest }: Target, status: string): HomelabError =>
  new HomelabError(
    'conflict',
    `${name} (${guestPlace(guest)}) is ${status}, so there is nothing to restart.`,
    {
      hint: `Start it with \`start ${name}\`.`,
      data: { vmid: guest.vmid, status },
    },
  )

const verbOf: Record<PowerAction, string> = {
  start: 'Starting',
  stop: 'Stopping',
  shutdown: 'Shutting down',
  reboot: 'Restarting',
}

/**
 * Makes sure the guest is in the state that the task was for. A container's own tasks end in it; a VM's reboot only
 * asks for it, and so do the tasks of a guest that HA manages (facts of PVE 8: qmreboot, hastart, hastop).
 */
async function reachState(
  target: Target,
  wanted: 'running' | 'stopped',
  sent: readonly Sent[],
  request: PowerRequest,
  services: PowerServices,
  verbs: Verbs,
): Promise<void> {
  const { guest, name } = target
  const healthWillTell = wanted === 'running' && request.wait && services.health.knows(target)
  const rebooted = request.action === 'restart' && !request.force
  if (healthWillTell && guest.type === 'lxc' && guest.hastate === undefined) return
  verbs.report({ text: `Waiting until ${name} is ${wanted}` })
  await verbs.follow(`${request.action} ${guest.vmid}: state`, async (signal) => {
    const began = services.clock.monotonic()
    const last = sent.at(-1)
    for (;;) {
      const now = await services.proxmox.guestStatus(guest, signal)
      const waited = services.clock.monotonic() - began
      // A VM still up from before its reboot has more uptime than the reboot is ago. After a crash of ours nobody knows
      // that exactly.
      const slack = last?.here === true ? 5 : STATE_SECONDS
      const fresh =
        !(rebooted && guest.type === 'qemu') ||
        now.uptime <= (last?.end?.seconds ?? 0) + waited / 1000 + slack
      if (now.status === wanted && fresh) return null
      if (waited >= STATE_SECONDS * 1000) {
        throw new HomelabError(
          'timeout',
          `The task ended, but ${name} is ${now.status} and not ${wanted} after ${STATE_SECONDS} s.`,
          {
            hint: `\`guest show ${guest.vmid}\` and \`task list\` tell more.`,
          },
        )
      }
      await services.clock.sleep(1000, signal)
    }
  })
}

interface Checked {
  readonly healthy?: boolean
  readonly detail: string
}

async function reachHealth(
  target: Target,
  services: PowerServices,
  verbs: Verbs,
): Promise<Checked | undefined> {
  if (!services.health.knows(target)) return undefined
  verbs.report({ text: `Waiting until ${target.name} answers` })
  const report = await verbs.follow<{ state: string; detail: string }>(
    `health ${target.guest.vmid}`,
    async (signal) => {
      const { state, detail } = await waitUntilUp(services.health, target, {
        clock: services.clock,
        signal,
        timeoutMs: HEALTH_SECONDS * 1000,
      })
      if (state !== 'unknown') return { state, detail }
      // Nobody could ask it: then the guest's own state is all that can be said.
      const { status } = await services.proxmox.guestStatus(target.guest, signal)
      return status === 'running'
        ? { state, detail: `running; its health could not be asked: ${detail}` }
        : { state: 'down', detail: `its guest is ${status}` }
    },
  )
  if (report.state === 'up') return { healthy: true, detail: report.detail }
  // It answers, and not as it should: maintenance mode, a page that is missing.
  if (report.state === 'degraded') return { healthy: false, detail: report.detail }
  if (report.state === 'unknown') return { detail: report.detail }
  throw new HomelabError(
    'timeout',
    `${target.name} runs (${guestPlace(target.guest)}), but does not answer after ${HEALTH_SECONDS} s: ${report.detail}.`,
    { hint: `\`logs ${target.name}\` shows why.`, data: { vmid: target.guest.vmid, health: report } },
  )
}
