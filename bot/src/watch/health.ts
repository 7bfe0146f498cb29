/** Asks the services that run whether they answer, and tells when one does not for several looks in a row. */
import type { Clock, Health, Registry, ServiceRow, Target } from '@homelab/core'
import { inParallel, joinWords } from '@homelab/core'
import type { FactStore } from '../chat/connector.ts'
import type { Tell } from '../incidents/tell.ts'
import { severityOf } from './about.ts'
import { startLoop } from './loop.ts'
import { createProblems, type Sight } from './problems.ts'
import { busyGuests } from './purpose.ts'
import type { Watch, WatchLog, WatchOptions } from './types.ts'

/** In a row that must have found it down. */
const LOOKS = 3
/** Checks at the same time. */
const PARALLEL = 8
/** Checks in one round: of more, each is asked every second round, or third. */
const MOST = 200
const LONGEST_MS = 120_000
/** Seconds that a guest gets to start what runs on it. */
const BOOT_SECONDS = 180

export interface HealthWatchOptions extends Pick<WatchOptions, 'lab' | 'registry'> {
  readonly runs: Pick<WatchOptions['runs'], 'active'>
  readonly health: Health
  readonly registry: Registry
  readonly facts: FactStore
  readonly tell: Tell
  readonly clock: Clock
  readonly log: WatchLog
  readonly wanted?: (() => boolean) | undefined
  /** Milliseconds before the first look, and between two. */
  readonly firstMs: number
  readonly everyMs: number
}

type Present = ServiceRow & { readonly target: Target }

export function startHealthWatch(options: HealthWatchOptions): Watch {
  const { lab, health } = options
  const problems = createProblems({ ...options, name: 'watch.health', looks: LOOKS })
  /** Of what the file does not name it is only guessed what it is: it is missed once it was up. */
  const seenUp = new Set<string>()
  let from = 0

  /** Those whose turn it is. */
  function round(all: readonly Present[]): ReadonlySet<Present> {
    if (all.length <= MOST) return new Set(all)
    const turn = Array.from({ length: MOST }, (_, index) => all[(from + index) % all.length])
    from = (from + MOST) % all.length
    return new Set(turn.filter((row) => row !== undefined))
  }

  async function sightOf(row: Present, signal: AbortSignal): Promise<Sight> {
    const { name, target } = row
    const key = keyOf(row)
    const { state, detail } = await health.check(target, { signal })
    if (state === 'up') {
      seenUp.add(key)
      return { key, is: 'fine', title: `${name} answers again` }
    }
    if (state !== 'down' || (target.service === undefined && !seenUp.has(key))) return { key, is: 'unclear' }
    const about = aboutOf(row)
    const { dependents } = target
    const waits =
      dependents.length === 0
        ? ''
        : ` ${joinWords(dependents.slice(0, 4))} need${dependents.length === 1 ? 's' : ''} it.`
    return {
      key,
      is: 'wrong',
      kind: 'down',
      severity: severityOf(about),
      title: `${name} does not answer`,
      text: `${detail}; ${target.guest.name} runs.${waits}`,
      about,
      buttons: [
        { label: 'Restart', style: 'primary', action: { kind: 'command', text: `restart ${name}` } },
        { label: 'Logs', action: { kind: 'command', text: `logs ${name}` } },
      ],
    }
  }

  return startLoop(
    async (signal) => {
      const overview = await lab.overview({ signal }).catch(() => undefined)
      signal.throwIfAborted()
      // A lab that is away is told as such.
      if (overview === undefined || overview.filtered) return
      const busy = await busyGuests(options)
      const rows = (await lab.services({ signal })).filter(isPresent)
      const known = rows.filter(({ target }) => health.knows(target))
      const ready = known.filter(({ target: { guest } }) => isReady(guest) && !busy.has(guest.vmid))
      const turn = round(ready)
      const later = new Set(ready.filter((row) => !turn.has(row)))
      const sights = await inParallel(known, PARALLEL, async (row): Promise<Sight> => {
        if (turn.has(row)) return await sightOf(row, signal)
        return { key: keyOf(row), is: later.has(row) ? 'skipped' : 'unclear' }
      })
      await problems.see(sights)
    },
    { ...options, trouble: 'the services cannot be asked how they are', longestMs: LONGEST_MS },
  )
}

const isPresent = (row: ServiceRow): row is Present => row.target !== undefined && !row.target.guest.template

/** Whether what is on it should answer: while it does not run, that is told of the guest. */
const isReady = ({ status, uptime, lock }: Target['guest']): boolean =>
  status === 'running' && lock === undefined && (uptime === 0 || uptime >= BOOT_SECONDS)

const keyOf = ({ name }: ServiceRow): string => `service/${name}`

const aboutOf = ({ name, stack, target: { guest, service } }: Present) => ({
  ...(service === undefined ? {} : { service: name, ...(stack === '' ? {} : { stack }) }),
  vmid: guest.vmid,
  guest: guest.name,
  node: guest.node,
})
