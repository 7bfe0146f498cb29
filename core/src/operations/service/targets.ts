/** What the four power commands share: their plan, their order, their summary. */
import { z } from 'zod'
import { errorData, HomelabError, isHomelabError } from '../../errors.ts'
import type { Lab, Target } from '../../inventory/types.ts'
import { joinWords } from '../../nearest.ts'
import type { Json, Plan, Verbs } from '../../operation/types.ts'
import { guestPlace } from '../../operation/view.ts'
import { guestStatus } from '../../proxmox/overview.ts'
import type { Proxmox } from '../../proxmox/types.ts'
import { notRunning, type PowerRequest, type PowerServices, powerGuest } from '../guest/power.ts'
import { PowerResult } from '../schemas.ts'
import { isFailed, powerTitle, powerWords } from './power-card.ts'

export const servicesInput = z
  .array(z.string())
  .min(1)
  .max(100)
  .describe('Services, guests, VMIDs, @stack or @all')
  .meta({ suggest: 'services' })

export const waitInput = z.boolean().default(true).describe('Wait until it answers its health check')
export const timeoutInput = z.int().min(5).max(3600).default(60).describe('Seconds for a clean shutdown')

export const PowerOutput = z.object({ results: z.array(PowerResult) })
export type PowerOutput = z.infer<typeof PowerOutput>

/** @throws HomelabError `locked` naming the lock, `conflict` when the state is not what the action needs */
export async function planPower(
  names: readonly string[],
  request: PowerRequest,
  services: { readonly lab: Lab; readonly proxmox: Proxmox },
  signal: AbortSignal,
): Promise<Plan> {
  const known = await services.lab.resolve(names, { signal })
  const targets = mayAsk(known, request) ? await asTheyAre(names, services, signal) : known
  for (const target of targets) await refuse(target, request, services.proxmox, signal)
  const { noun } = powerWords[request.action]
  const chosen = new Set(targets.map((target) => target.name))
  const lockout = request.action === 'start' ? [] : services.lab.lockout(targets)
  const label = targets.map((target) => `${target.name} (${guestPlace(target.guest)})`)
  return {
    summary: `${noun} ${label.length > 3 ? `${label.length} guests` : joinWords(label)}`,
    steps: inOrder(targets, request)
      .flat()
      .flatMap((target) => stepsFor(target, request)),
    affects: request.action === 'start' ? [] : affected(targets, chosen),
    warnings: warningsFor(targets, request),
    locks: targets.map((target) => `guest/${target.guest.vmid}`),
    confirm:
      (request.force && request.action !== 'start') ||
      targets.some((target) => target.service?.confirm === true),
    state: targets.map(({ guest }) => ({
      vmid: guest.vmid,
      node: guest.node,
      status: guest.status,
      lock: guest.lock ?? null,
    })),
    ...(lockout.length === 0 ? {} : { lockout }),
  }
}

/**
 * Proxmox's own overview is up to 10 s behind: what has restarted meanwhile would be a change after the question, and asked
 * about once more.
 */
async function asTheyAre(
  names: readonly string[],
  { lab, proxmox }: { readonly lab: Lab; readonly proxmox: Proxmox },
  signal: AbortSignal,
): Promise<readonly Target[]> {
  const targets = await lab.resolve(names, { fresh: true, signal })
  return await Promise.all(
    targets.map(async (target) => {
      const { lock: _, ...guest } = target.guest
      try {
        const { status, lock } = await proxmox.guestStatus(guest, signal)
        return {
          ...target,
          guest: { ...guest, status: guestStatus(status), ...(lock === undefined ? {} : { lock }) },
        }
      } catch (error) {
        signal.throwIfAborted()
        if (!isHomelabError(error)) throw error
        // Its node does not say: what the overview has is all there is.
        return target
      }
    }),
  )
}

/** Whether a person is asked first, or may be: what goes down often is, by the file. */
const mayAsk = (targets: readonly Target[], { action, force }: PowerRequest): boolean =>
  (action !== 'start' && (action !== 'restart' || force)) ||
  targets.some(({ service }) => service?.confirm === true)

async function refuse(
  target: Target,
  request: PowerRequest,
  proxmox: Proxmox,
  signal: AbortSignal,
): Promise<void> {
  const { guest, name } = target
  if (guest.lock !== undefined && !(request.force && request.action === 'stop')) {
    throw new HomelabError(
      'locked',
      `${name} (${guestPlace(guest)}) is locked by a running "${guest.lock}".`,
      {
        hint: `Wait for it: \`task list guest:${guest.vmid} active:true\` shows what holds it.`,
        data: { vmid: guest.vmid, lock: guest.lock },
      },
    )
  }
  if (request.action !== 'restart' || guest.status === 'running') return
  // The overview can be 10 s old, so look at the guest itself before refusing.
  const now = await proxmox.guestStatus(guest, signal)
  if (now.status === 'running') return
  throw notRunning(target, now.status)
}

function stepsFor({ name, guest, service }: Target, request: PowerRequest): readonly string[] {
  const place = guestPlace(guest)
  const answer = request.wait && service !== undefined ? [`Wait until ${name} answers`] : []
  switch (request.action) {
    case 'start':
      return [`Start ${place}`, ...answer]
    case 'restart':
      return request.force
        ? [`Stop ${place} at once, without a clean shutdown`, `Start ${place}`, ...answer]
        : [`Reboot ${place}, with ${request.timeout} s for a clean shutdown`, ...answer]
    case 'stop':
      return [
        request.force
          ? `Stop ${place} at once, without a clean shutdown`
          : `Shut down ${place} cleanly within ${request.timeout} s`,
      ]
    case 'shutdown':
      return [
        `Shut down ${place} cleanly within ${request.timeout} s${request.force ? ', else pull the plug' : ''}`,
      ]
  }
}

function affected(targets: readonly Target[], chosen: ReadonlySet<string>): Plan['affects'] {
  const seen = new Map<string, string>()
  for (const target of targets) {
    for (const name of target.dependents) if (!chosen.has(name)) seen.set(name, `needs ${target.name}`)
  }
  return [...seen].map(([name, why]) => ({ name, why }))
}

function warningsFor(targets: readonly Target[], request: PowerRequest): readonly string[] {
  const warnings: string[] = []
  if (request.force && request.action !== 'start')
    warnings.push('Without a clean shutdown, data that is not on disk yet is lost.')
  const managed = targets.filter((target) => target.guest.hastate !== undefined).map((target) => target.name)
  if (managed.length > 0)
    warnings.push(`${joinWords(managed)}: managed by HA, which may act some seconds later.`)
  return warnings
}

/** Also through services that were not named, and through others on the same guest: `dependents` holds them all. */
const dependsOn = (target: Target, other: Target): boolean =>
  other !== target && other.dependents.includes(target.name) && !target.dependents.includes(other.name)

/** Levels of the dependency order: all of a level can go at once. What goes down goes in reverse. */
function inOrder(targets: readonly Target[], request: PowerRequest): readonly (readonly Target[])[] {
  const levels: Target[][] = []
  const level = new Map<string, number>()
  for (const target of targets) {
    const before = targets
      .filter((other) => dependsOn(target, other))
      .map((other) => level.get(other.name) ?? -1)
    const at = Math.max(-1, ...before) + 1
    level.set(target.name, at)
    levels[at] = [...(levels[at] ?? []), target]
  }
  return request.action === 'stop' || request.action === 'shutdown' ? levels.reverse() : levels
}

/** Runs the action on every target; with several, one failure does not stop those that do not need it. */
export async function powerAll(
  names: readonly string[],
  request: PowerRequest,
  services: PowerServices & { readonly lab: Lab },
  verbs: Verbs,
): Promise<PowerOutput> {
  // Kept with the run, so that a restart of the bot goes on with the same guests even if the file changed.
  const targets = (await verbs.step<Json>(
    'resolve',
    async () => (await services.lab.resolve(names, { signal: verbs.signal })) as unknown as Json,
  )) as unknown as readonly Target[]
  const only = targets.length === 1 ? targets[0] : undefined
  if (only !== undefined) return { results: [await powerGuest(only, request, services, verbs)] }

  const results = new Map<string, PowerResult>()
  let done = 0
  for (const level of inOrder(targets, request)) {
    await Promise.all(
      level.map(async (target) => {
        const result = await oneOfMany(target, request, services, quiet(verbs), targets, results)
        results.set(target.name, result)
        done++
        verbs.report({
          text: `${target.name}: ${result.outcome}`,
          done,
          total: targets.length,
          unit: 'items',
        })
      }),
    )
    verbs.signal.throwIfAborted()
  }
  const output: PowerOutput = { results: targets.flatMap((target) => results.get(target.name) ?? []) }
  if (!output.results.some(isFailed)) return output
  // The run has failed, so that history and audit say so; what came of each guest goes with it.
  throw new HomelabError('failed', powerTitle(output, request.action), { data: { output } })
}

/** With several guests at once only the count is progress; what each is doing goes to the log. */
const quiet = (verbs: Verbs): Verbs => ({
  signal: verbs.signal,
  step: (name, work) => verbs.step(name, work),
  change: (name, spec) => verbs.change(name, spec),
  follow: (name, watch) => verbs.follow(name, watch),
  undo: (name, revert) => verbs.undo(name, revert),
  log: (line) => verbs.log(line),
  report: ({ text }) => verbs.log(text),
})

async function oneOfMany(
  target: Target,
  request: PowerRequest,
  services: PowerServices,
  verbs: Verbs,
  targets: readonly Target[],
  results: ReadonlyMap<string, PowerResult>,
): Promise<PowerResult> {
  const { name, guest } = target
  const base = { name, vmid: guest.vmid, type: guest.type, node: guest.node }
  const broken = targets.find((other) => {
    const result = results.get(other.name)
    return result !== undefined && isFailed(result) && dependsOn(target, other)
  })?.name
  const goesUp = request.action === 'start' || request.action === 'restart'
  if (goesUp && broken !== undefined)
    return { ...base, outcome: 'skipped', detail: `needs ${broken}, which failed` }
  try {
    return await powerGuest(target, request, services, verbs)
  } catch (error) {
    verbs.signal.throwIfAborted()
    const { message } = errorData(error)
    verbs.log(`${name}: ${message}`)
    return { ...base, outcome: 'failed', detail: message }
  }
}
