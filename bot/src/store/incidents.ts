/** Incidents and maintenances: kept with what of the inbox they were made of, or not at all. */
import { type Incident, incidentOf, KeptIncident, Maintenance } from '@homelab/core/alerts'
import type { Kysely } from 'kysely'
import type { IncidentStore } from '../incidents/book.ts'
import { removeReceived } from './inbox.ts'
import type { Tables } from './schema.ts'

/** Those that are over and stay in memory. */
const RECENT = 300
/** Those that are over and stay in the store. */
const KEPT = 5_000
const PRUNE_EVERY = 200
/** Values that one statement may have, with room to spare. */
const CHUNK = 200

const noIncident = {
  about: {},
  again: 0,
  remedied: [],
  alerts: [],
  over: [],
  told: [],
  posts: 0,
  history: [],
  dropped: 0,
} as const
const noMaintenance = { what: [], vmids: [], services: [], all: false, schedules: [], incidents: [] } as const

/** Of an older version, or with an address that is none: one that does not fit must not keep all the others from being told. */
function read(json: string): Incident {
  const kept: unknown = JSON.parse(json)
  const known = KeptIncident.safeParse(kept).data
  return incidentOf(known ?? ({ ...noIncident, ...(kept as object) } as unknown as KeptIncident))
}

function maintenanceOf(json: string): Maintenance {
  const kept: unknown = JSON.parse(json)
  return (
    Maintenance.safeParse(kept).data ?? ({ ...noMaintenance, ...(kept as object) } as unknown as Maintenance)
  )
}

export function incidentsOn(db: Kysely<Tables>): IncidentStore {
  let saved = 0

  async function prune(): Promise<void> {
    const newest = db
      .selectFrom('incidents')
      .select('id')
      .where('open', '=', 0)
      .orderBy('opened_at', 'desc')
      .limit(KEPT)
    await db.deleteFrom('incidents').where('open', '=', 0).where('id', 'not in', newest).execute()
  }

  return {
    async load() {
      const [open, over, maintenances, ids, maintenanceIds] = await Promise.all([
        db.selectFrom('incidents').select('incident').where('open', '=', 1).orderBy('opened_at').execute(),
        db
          .selectFrom('incidents')
          .select('incident')
          .where('open', '=', 0)
          .orderBy('opened_at', 'desc')
          .limit(RECENT)
          .execute(),
        db.selectFrom('maintenances').select('maintenance').where('open', '=', 1).execute(),
        db.selectFrom('incidents').select('id').execute(),
        db.selectFrom('maintenances').select('id').execute(),
      ])
      return {
        incidents: [...over.reverse(), ...open].map(({ incident }) => read(incident)),
        maintenances: maintenances.map(({ maintenance }) => maintenanceOf(maintenance)),
        ids: [...ids, ...maintenanceIds].map(({ id }) => id),
      }
    },
    async save({ incidents = [], maintenances = [], worked }) {
      await db.transaction().execute(async (transaction) => {
        for (const chunk of chunks(incidents))
          await transaction
            .replaceInto('incidents')
            .values(
              chunk.map((incident) => ({
                id: incident.id,
                open: incident.state === 'resolved' ? 0 : 1,
                opened_at: incident.openedAt,
                incident: JSON.stringify(incident),
              })),
            )
            .execute()
        for (const { maintenance, open } of maintenances)
          await transaction
            .replaceInto('maintenances')
            .values({ id: maintenance.id, open: open ? 1 : 0, maintenance: JSON.stringify(maintenance) })
            .execute()
        if (worked !== undefined) await removeReceived(transaction, worked)
      })
      saved += incidents.length
      if (saved < PRUNE_EVERY) return
      // What was saved is saved: whoever saved it must not take this for a failure of that. The next one prunes.
      await prune().then(
        () => {
          saved = 0
        },
        () => undefined,
      )
    },
    async get(id) {
      const row = await db.selectFrom('incidents').select('incident').where('id', '=', id).executeTakeFirst()
      return row === undefined ? undefined : read(row.incident)
    },
    async newest(limit) {
      const rows = await db
        .selectFrom('incidents')
        .select('incident')
        .orderBy('opened_at', 'desc')
        .limit(limit)
        .execute()
      return rows.map(({ incident }) => read(incident))
    },
  }
}

function* chunks<T>(all: readonly T[]): Iterable<readonly T[]> {
  for (let from = 0; from < all.length; from += CHUNK) yield all.slice(from, from + CHUNK)
}
