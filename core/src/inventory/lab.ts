/** The lab as every operation sees it: one cached overview, shared by all who ask. */
import type { Clock } from '../ports.ts'
import type { Overview, Proxmox } from '../proxmox/types.ts'
import { createCompletion } from './completion.ts'
import { createCourses } from './courses.ts'
import { createDirectory, type Directory } from './directory.ts'
import { lockoutReasons } from './lockout.ts'
import { resolveNames } from './resolve.ts'
import type { Inventory } from './schema.ts'
import type { Lab } from './types.ts'

export interface LabOptions {
  /** Read at every use, so that a reload takes effect at once. */
  readonly inventory: () => Inventory
  readonly proxmox: Pick<Proxmox, 'overview'>
  readonly clock: Pick<Clock, 'monotonic'>
  /** Default 10 000: as old as Proxmox's own figures are. */
  readonly cacheMs?: number
  /** The host name of this machine: a guest that is called so is the one that homelab runs on. */
  readonly selfName?: string
  /** Milliseconds of each refresh, for metrics; never called with a secret. */
  readonly log?: (event: { readonly text: string; readonly ms: number }) => void
}

export function createLab(options: LabOptions): Lab {
  const { inventory } = options
  const courses = createCourses()
  const { monotonic } = options.clock
  const overviews = createOverviewCache(options, (overview) => courses.add(overview, monotonic()))
  let directory: Directory | undefined
  const directoryOf = (overview: Overview): Directory => {
    const current = inventory()
    if (directory?.overview !== overview || directory.inventory !== current) {
      directory = createDirectory(current, overview)
    }
    return directory
  }
  const completion = createCompletion()

  return {
    get inventory() {
      return inventory()
    },
    overview: (ask) => overviews.get(ask),
    async resolve(names, ask) {
      return resolveNames(names, directoryOf(await overviews.get(ask)))
    },
    async services(ask) {
      return directoryOf(await overviews.get(ask)).rows()
    },
    lockout(targets, node) {
      const last = overviews.last()
      return last === undefined ? [] : lockoutReasons(directoryOf(last), targets, node, options.selfName)
    },
    course: (what) =>
      courses.of(`${what.of}/${'node' in what ? `node/${what.node}` : `guest/${what.vmid}`}`, monotonic()),
    suggest: (kind, typed, limit) => completion(kind, typed, limit, inventory(), overviews.last()),
  }
}

interface Ask {
  readonly fresh?: boolean
  readonly signal?: AbortSignal
}

/**
 * One call at a time. Who asks for fresh data while a call is on its way waits for the next one, shared
 * with all others who do: the running one may have been answered before the change they look for.
 */
function createOverviewCache(
  { proxmox, clock, cacheMs = 10_000, log }: LabOptions,
  onSeen: (overview: Overview) => void,
) {
  let last: Overview | undefined
  let validUntil = Number.NEGATIVE_INFINITY
  let running: Promise<Overview> | undefined
  let next: Promise<Overview> | undefined

  const refresh = async (): Promise<Overview> => {
    const started = clock.monotonic()
    try {
      last = await proxmox.overview()
      onSeen(last)
      validUntil = clock.monotonic() + cacheMs
      log?.({ text: 'overview refreshed', ms: clock.monotonic() - started })
      return last
    } catch (error) {
      // What is remembered serves completion only from now on.
      validUntil = Number.NEGATIVE_INFINITY
      log?.({ text: 'overview failed', ms: clock.monotonic() - started })
      throw error
    } finally {
      running = undefined
    }
  }
  const start = (): Promise<Overview> => {
    running = refresh()
    return running
  }
  const afterRunning = (current: Promise<Overview>): Promise<Overview> => {
    next ??= current
      .catch(() => undefined)
      .then(() => {
        next = undefined
        return start()
      })
    return next
  }

  return {
    last: () => last,
    async get({ fresh = false, signal }: Ask = {}): Promise<Overview> {
      signal?.throwIfAborted()
      if (!fresh && last !== undefined && clock.monotonic() < validUntil) return last
      const answer = running === undefined ? start() : fresh ? afterRunning(running) : running
      return abortable(answer, signal)
    },
  }
}

/** Stops waiting; the call itself goes on, because others wait for it too. */
function abortable<T>(answer: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return answer
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    const done = () => signal.removeEventListener('abort', abort)
    answer.then(resolve, reject).finally(done)
  })
}
