/** The parts of an update, each once in a run. */

import { patiently } from '../../backup/patience.ts'
import { HomelabError } from '../../errors.ts'
import { waitUntilUp } from '../../health/index.ts'
import type { Target } from '../../inventory/types.ts'
import { addedStep } from '../../operation/added.ts'
import type { Json, Verbs } from '../../operation/types.ts'
import {
  clearUnattended,
  followUnattended,
  startUnattended,
  type UnattendedEnd,
  type UnattendedOptions,
} from '../../provision/unattended.ts'
import {
  type Changed,
  changedBy,
  helperCommand,
  helperEnv,
  upgradeCommand,
  upgradeEnv,
} from '../../update/commands.ts'
import type { Services } from './secure.ts'

export interface Job {
  /** Of this run: what it has begun is found again by it. */
  readonly key: string
  readonly minutes: number
}

/** Only one at a time in a container, also of those whose run is gone. */
const LOCK = 'update'
const RESTART_MS = 120_000
/** Which part it was must show in what is said of its end. */
const called = (name: 'packages' | 'script', argv: readonly string[]): string =>
  name === 'script' ? 'Its script `update`' : (argv[0] ?? '')

/** @throws HomelabError `failed` with the last lines when the package manager says so, or when it asks */
export async function packages(
  target: Target,
  manager: 'apt' | 'apk',
  job: Job,
  services: Services,
  verbs: Verbs,
): Promise<readonly Changed[]> {
  const argv = upgradeCommand(manager)
  const { changed, ...end } = await attend('packages', target, argv, upgradeEnv, job, services, verbs)
  if (end.code !== 0) throw ended(called('packages', argv), end)
  return changed
}

export async function runScript(target: Target, job: Job, services: Services, verbs: Verbs): Promise<void> {
  const end = await attend('script', target, helperCommand, helperEnv, job, services, verbs)
  if (end.code !== 0) throw ended(called('script', helperCommand), end)
}

/** @returns the unit; undefined when there is none to start anew */
export async function restartUnit(
  { name, guest, service }: Target,
  { shells }: Services,
  verbs: Verbs,
): Promise<string | undefined> {
  const unit = service?.unit
  if (unit === undefined) return undefined
  verbs.report({ text: `starting ${unit} of ${name} anew` })
  // What was updated beneath it is in use only after that. Done twice it is as done once.
  const restarted = await verbs.step('restart', async () => {
    const argv = ['systemctl', 'restart', unit]
    const { code, stderr } = await shells
      .guest(guest)
      .exec(argv, { signal: verbs.signal, timeoutMs: RESTART_MS })
    if (code === 0) return true
    // 5: there is no such unit.
    if (code === 5) return false
    throw new HomelabError(
      'failed',
      `${unit} does not start any more: ${stderr.trim() || `exit code ${code}`}`,
      {
        hint: `\`logs ${name}\` shows why.`,
      },
    )
  })
  return restarted ? unit : undefined
}

/** @throws HomelabError `failed` when it does not answer as it should */
export async function well(
  target: Target,
  { up, health: seconds }: { readonly up: boolean; readonly health: number },
  { health, clock, proxmox }: Services,
  verbs: Verbs,
): Promise<{ readonly healthy?: boolean; readonly detail: string }> {
  const { name, guest } = target
  verbs.report({ text: `waiting until ${name} answers` })
  const { state, detail } = await verbs.follow<{ state: string; detail: string }>(
    'health',
    async (signal) => {
      if (!health.knows(target)) {
        const { status } = await proxmox.guestStatus(guest, signal)
        return { state: status === 'running' ? 'none' : 'down', detail: `its container is ${status}` }
      }
      const report = await waitUntilUp(health, target, { clock, signal, timeoutMs: seconds * 1000 })
      return { state: report.state, detail: report.detail }
    },
  )
  if (state === 'up') return { healthy: true, detail }
  if (state === 'none') return { detail: `${detail}; nothing is known to ask it by` }
  if (!up) return { healthy: false, detail }
  throw new HomelabError('failed', `${name} does not answer as it should after it: ${detail}.`, {
    data: { health: { state, detail } },
  })
}

async function attend(
  name: 'packages' | 'script',
  target: Target,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  { key, minutes }: Job,
  { shells, clock }: Services,
  verbs: Verbs,
): Promise<UnattendedEnd & { readonly changed: readonly Changed[] }> {
  const { guest } = target
  const shell = shells.guest(guest)
  const options = (signal: AbortSignal): UnattendedOptions => ({
    key: `${key}-${name}`,
    clock,
    signal,
    limitMs: minutes * 60_000,
    env,
    lock: LOCK,
    called: called(name, argv),
    askedHint: `Answer it there: on ${guest.node}, as root, \`pct enter ${guest.vmid}\`, then \`${argv[0]}\`.${name === 'script' ? ` Its packages without it: \`update run ${target.name} only:packages\`.` : ''}`,
  })
  verbs.report({ text: name === 'packages' ? `updating packages of ${target.name}` : `running its script` })
  await verbs.step(`${name}: begin`, async () => {
    // By its key it is begun once, however often it is sent.
    const begin = () => startUnattended(shell, argv, options(verbs.signal))
    await patiently(begin, { clock, signal: verbs.signal, tries: 5 })
    return null
  })
  const end = (await verbs.follow<Json>(name, async (signal) => {
    const changed: Changed[] = []
    const onLine = (line: string) => {
      const change = changedBy(line)
      if (change !== undefined) changed.push(change)
      if (line === '') return
      verbs.log(line)
      verbs.report({ text: line.slice(0, 120) })
    }
    const { code, lines } = await followUnattended(shell, { ...options(signal), onLine })
    return { code, lines: [...lines], changed } as unknown as Json
  })) as unknown as UnattendedEnd & { readonly changed: readonly Changed[] }
  // When its end is kept: who died before that comes again, and finds it.
  await addedStep(verbs, `${name}: clear`, null, async () => {
    await clearUnattended(shell, options(verbs.signal))
    return null
  })
  return end
}

const ended = (what: string, { code, lines }: UnattendedEnd): HomelabError => {
  const complaint = lines.findLast((line) => /^E: |error/i.test(line))
  const last = complaint ?? lines.findLast((line) => line.trim() !== '')
  return new HomelabError(
    'failed',
    `${what} ended with ${code}${last === undefined ? '' : `: ${last.trim()}`}`,
    {
      data: { code, log: lines.slice(-15) },
    },
  )
}
