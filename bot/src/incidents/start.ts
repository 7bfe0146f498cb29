/** Everything about incidents, joined: what is told, who is told, and what is done about it. */
import type { Clock, Lab, Maintenances, Overview, Schedules } from '@homelab/core'
import type { Inventory } from '@homelab/core/inventory'
import type { Notify } from '../chat/notices.ts'
import type { Inbox } from '../intake/types.ts'
import type { WatchLog } from '../watch/types.ts'
import type { IncidentStore } from './book.ts'
import { type OpenIncidents, openIncidents } from './desk.ts'
import { createMaintenances } from './maintenance.ts'
import type { Tell } from './tell.ts'

export interface StartOptions {
  readonly store: IncidentStore
  readonly inbox: Inbox
  readonly lab: Pick<Lab, 'overview'>
  readonly inventory: () => Inventory
  readonly schedules: () => Pick<Schedules, 'list' | 'pause' | 'resume'>
  readonly notify: Notify
  readonly clock: Clock
  readonly log: WatchLog
  readonly onBug: (error: unknown, where?: string) => void
}

export interface IncidentsOfBot {
  readonly incidents: OpenIncidents
  readonly maintenances: Maintenances
  readonly tell: Tell
  start(): void
  stop(): Promise<void>
}

/** Names of guests change seldom; an alert about one that is newer than this says its VMID. */
const PLACES_MS = 60_000

export async function createIncidents(options: StartOptions): Promise<IncidentsOfBot> {
  const { lab, inventory, clock } = options
  const end = new AbortController()
  let overview: Overview | undefined
  const incidents = await openIncidents({
    ...options,
    places: () => ({ inventory: inventory(), overview }),
  })
  const maintenances = createMaintenances({ ...options, incidents })

  async function lookAround(): Promise<void> {
    while (!end.signal.aborted) {
      // A lab that is away is told as such; what its guests were called is known still.
      overview = await lab.overview({ signal: end.signal }).catch(() => overview)
      await clock.sleep(PLACES_MS, end.signal).catch(() => undefined)
    }
  }

  return {
    incidents,
    maintenances,
    tell: (_id, _card, _state, finding) => incidents.report(finding),
    start() {
      void lookAround()
      incidents.start()
    },
    async stop() {
      end.abort()
      await incidents.stop()
    },
  }
}
