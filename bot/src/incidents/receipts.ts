/** What people do about an incident is in its history: what was done, by whom, how it was before, and how it went. */
import { duration, namedIn, type Registry, type RunView } from '@homelab/core'
import { isOpen, noted } from '@homelab/core/alerts'
import type { OpenIncidents } from './desk.ts'

export interface ReceiptsOptions {
  readonly incidents: Pick<OpenIncidents, 'book' | 'change'>
  readonly registry: Registry
}

/** @returns what is to be called with each run that has ended */
export function createReceipts({ incidents, registry }: ReceiptsOptions): (run: RunView) => Promise<void> {
  const { book, change } = incidents
  return async (run) => {
    const operation = registry.byId(run.operation)
    if (
      operation === undefined ||
      operation.risk === 'read' ||
      typeof run.input !== 'object' ||
      run.input === null
    )
      return
    const named = new Set(
      namedIn(operation, run.input as Readonly<Record<string, unknown>>).map((name) => name.toLowerCase()),
    )
    if (named.size === 0) return
    const about = book
      .all()
      .filter(
        (incident) =>
          isOpen(incident) &&
          [incident.about.service, incident.about.guest, String(incident.about.vmid)].some(
            (name) => name !== undefined && named.has(name.toLowerCase()),
          ),
      )
    if (about.length === 0) return
    const { startedAt, createdAt, finishedAt = createdAt } = run
    const took = duration(Math.max(0, Date.parse(finishedAt) - Date.parse(startedAt ?? createdAt)))
    const end = run.state === 'succeeded' ? `done in ${took}` : (run.error?.message ?? run.state)
    await change((draft, now) => {
      for (const { id, title, openedAt } of about) {
        const fresh = draft.get(id)
        if (fresh === undefined) continue
        const before = `before: ${title} for ${duration(Math.max(0, Date.parse(startedAt ?? createdAt) - Date.parse(openedAt)))}`
        draft.put(noted(fresh, `${run.title}: ${end} (${before})`, now, run.caller))
      }
    })
  }
}
