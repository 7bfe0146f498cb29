/** All incidents that matter now, in memory; changed one transaction after the other, and only when the store has it. */
import { type Alert, type Incident, isOpen, type Maintenance, nameOf } from '@homelab/core/alerts'

export interface Saving {
  readonly incidents?: readonly Incident[]
  readonly maintenances?: readonly { readonly maintenance: Maintenance; readonly open: boolean }[]
  /** The inbox is in these incidents up to this row. */
  readonly worked?: number | undefined
}

export interface IncidentStore {
  /** Those that are open, and the newest of the others. The oldest first. */
  load(): Promise<{
    readonly incidents: readonly Incident[]
    readonly maintenances: readonly Maintenance[]
    /** Of all that it has. */
    readonly ids: readonly string[]
  }>
  /** All of it or nothing. */
  save(saving: Saving): Promise<void>
  get(id: string): Promise<Incident | undefined>
  /** The newest first, open or not. */
  newest(limit: number): Promise<readonly Incident[]>
}

/** What one change may look at and put. */
export interface Draft {
  get(id: string): Incident | undefined
  /** The newest with this key, open or over. */
  byKey(key: string): Incident | undefined
  /** The one that has this alert whole, whatever its labels mean now. */
  byAlert(alert: Pick<Alert, 'source' | 'fingerprint'>): Incident | undefined
  all(): Iterable<Incident>
  open(): readonly Incident[]
  put(incident: Incident): void
  maintenances(): readonly Maintenance[]
  putMaintenance(maintenance: Maintenance, open: boolean): void
  /** A short id that no incident has. */
  newId(): string
}

export interface Book {
  get(id: string): Incident | undefined
  all(): readonly Incident[]
  maintenances(): readonly Maintenance[]
  /**
   * One after the other. What the work puts is seen by others only when it is kept.
   * @returns what the work returned
   * @throws what the work or the store threw: then nothing has changed
   */
  change<T>(work: (draft: Draft) => T, worked?: number): Promise<T>
  onChange(listener: (changed: readonly Incident[]) => void): () => void
  /** Resolves when no change is under way. */
  settled(): Promise<void>
}

/** Those that are over and stay in memory. */
const RECENT = 300
/** Without those that are taken for each other. */
const LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789'

export async function openBook(
  store: IncidentStore,
  onError: (error: unknown) => void,
  random: () => number = Math.random,
): Promise<Book> {
  const loaded = await store.load()
  const incidents = new Map(loaded.incidents.map((incident) => [incident.id, incident]))
  const keys = new Map(loaded.incidents.map(({ key, id }) => [key, id]))
  const holders = new Map<string, string>()
  for (const { id, alerts } of loaded.incidents) for (const alert of alerts) holders.set(nameOf(alert), id)
  // Also of those that are not in memory: a new one by the same name would take its place, and its message.
  const used = new Set(loaded.ids)
  const active = new Map(loaded.maintenances.map((maintenance) => [maintenance.id, maintenance]))
  const listeners = new Set<(changed: readonly Incident[]) => void>()
  let last: Promise<unknown> = Promise.resolve()

  function draftOn() {
    const put = new Map<string, Incident>()
    const putKeys = new Map<string, string>()
    const putHolders = new Map<string, string>()
    const putMaintenances = new Map<string, { readonly maintenance: Maintenance; readonly open: boolean }>()
    const get = (id: string): Incident | undefined => put.get(id) ?? incidents.get(id)
    function* all(): Iterable<Incident> {
      for (const [id, incident] of incidents) yield put.get(id) ?? incident
      for (const [id, incident] of put) if (!incidents.has(id)) yield incident
    }
    const draft: Draft = {
      get,
      byKey: (key) => {
        const id = putKeys.get(key) ?? keys.get(key)
        return id === undefined ? undefined : get(id)
      },
      byAlert(alert) {
        const id = putHolders.get(nameOf(alert)) ?? holders.get(nameOf(alert))
        return id === undefined ? undefined : get(id)
      },
      all,
      open: () => [...all()].filter(isOpen),
      put(incident) {
        if (get(incident.id) === incident) return
        const before = get(incident.id)?.alerts
        put.set(incident.id, incident)
        // What is noted of an older one that is over does not make it the newest.
        const newest = draft.byKey(incident.key)
        if (newest === undefined || !isOpen(newest) || isOpen(incident))
          putKeys.set(incident.key, incident.id)
        for (const [index, alert] of incident.alerts.entries())
          if (before?.[index] !== alert) putHolders.set(nameOf(alert), incident.id)
      },
      maintenances: () => {
        const merged = new Map<string, Maintenance | undefined>(active)
        for (const [id, { maintenance, open }] of putMaintenances)
          merged.set(id, open ? maintenance : undefined)
        return [...merged.values()].filter((each) => each !== undefined)
      },
      putMaintenance: (maintenance, open) => void putMaintenances.set(maintenance.id, { maintenance, open }),
      newId() {
        for (let length = 4; ; length += 1) {
          const id = Array.from({ length }, () => LETTERS[Math.floor(random() * LETTERS.length)]).join('')
          if (used.has(id) || !/[a-z]/.test(id)) continue
          used.add(id)
          return id
        }
      },
    }
    return { draft, put, putKeys, putHolders, putMaintenances }
  }

  async function changeNow<T>(work: (draft: Draft) => T, worked: number | undefined): Promise<T> {
    const { draft, put, putKeys, putHolders, putMaintenances } = draftOn()
    const result = work(draft)
    const changed = [...put.values()]
    const maintenances = [...putMaintenances.values()]
    if (changed.length > 0 || maintenances.length > 0 || worked !== undefined)
      await store.save({ incidents: changed, maintenances, worked })
    for (const incident of changed) {
      // Last in the order: the newest that are over stay.
      incidents.delete(incident.id)
      incidents.set(incident.id, incident)
    }
    for (const [key, id] of putKeys) keys.set(key, id)
    for (const [name, id] of putHolders) holders.set(name, id)
    for (const { maintenance, open } of maintenances)
      if (open) active.set(maintenance.id, maintenance)
      else active.delete(maintenance.id)
    forget()
    if (changed.length > 0) publish(changed)
    return result
  }

  function publish(changed: readonly Incident[]): void {
    for (const listener of listeners) {
      try {
        listener(changed)
      } catch (error) {
        onError(error)
      }
    }
  }

  function forget(): void {
    let beyond = [...incidents.values()].filter((incident) => !isOpen(incident)).length - RECENT
    if (beyond < RECENT / 10) return
    for (const [id, incident] of incidents) {
      if (beyond <= 0) return
      if (isOpen(incident) || incident.held !== undefined) continue
      incidents.delete(id)
      if (keys.get(incident.key) === id) keys.delete(incident.key)
      for (const alert of incident.alerts)
        if (holders.get(nameOf(alert)) === id) holders.delete(nameOf(alert))
      beyond -= 1
    }
  }

  return {
    get: (id) => incidents.get(id),
    all: () => [...incidents.values()],
    maintenances: () => [...active.values()],
    change(work, worked) {
      const result = last.then(() => changeNow(work, worked))
      last = result.catch(() => undefined)
      return result
    },
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    settled: async () => void (await last),
  }
}
